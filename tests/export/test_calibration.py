"""Which pictures a precision is calibrated with."""

import numpy as np
import pytest
from PIL import Image

from support.training_fakes import make_folder
from topformer.data import open_dataset
from topformer.errors import UsageError
from topformer.export.calibration import (
    bundled_calibration,
    dataset_calibration,
    folder_calibration,
)
from topformer.preprocess import input_info
from topformer.verbs.calibration import choose_calibration


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("set"))


def test_the_draw_depends_on_the_seed_alone(data):
    folder = data / "images" / "train"
    draws = [folder_calibration(folder, pictures=3, seed=seed).paths for seed in (0, 0, 1, 2, 3)]
    assert draws[0] == draws[1]
    assert len({draws[0], *draws[2:]}) > 1
    assert all(len(set(draw)) == 3 for draw in draws)


def test_no_more_than_there_are(data):
    found = folder_calibration(data / "images" / "train", pictures=48, seed=0)
    assert len(found.paths) == found.describe().pictures == 6
    assert not found.is_bundled


def test_pictures_become_what_the_file_sees(tmp_path):
    Image.fromarray(np.full((40, 50, 3), 255, np.uint8)).save(tmp_path / "white.png")
    info = input_info(64, 96)
    (tensor,) = folder_calibration(tmp_path, pictures=1, seed=0).tensors(info)
    assert tensor.shape == (1, 3, 64, 96)
    assert float(tensor[0, 0, 0, 0]) == pytest.approx((255 - info.mean[0]) / info.std[0])


def test_a_data_set_gives_its_training_pictures(data):
    found = dataset_calibration(open_dataset("folder", data), pictures=4, seed=2)
    assert {path.parent.name for path in found.paths} == {"train"}
    assert found.describe().source == "folder train"
    assert found.describe().seed == 2


def test_the_bundled_ones_come_mirrored_too():
    found = bundled_calibration()
    plain, mirrored, *_ = tensors = found.tensors(input_info(64, 64))
    assert found.is_bundled
    assert len(tensors) == found.describe().pictures == 8
    # Resized after it is mirrored, so that borders round otherwise.
    assert float((plain.flip(3) - mirrored).abs().mean()) < 0.05


def test_a_verb_is_told_a_folder_or_a_data_set(data, tmp_path):
    train = data / "images" / "train"
    assert choose_calibration(None, None, pictures=2).is_bundled
    assert choose_calibration(str(train), None, pictures=2).source == "train"
    assert choose_calibration("folder", data, pictures=2).source == "folder train"


@pytest.mark.parametrize(
    ("given", "advice"), [("camvid", "Pass --data ROOT"), ("nothing", "Pass a folder of pictures")]
)
def test_anything_else_is_refused(given, advice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        choose_calibration(given, None, pictures=2)
    assert advice in caught.value.next_step


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no pictures"):
        folder_calibration(tmp_path, pictures=2, seed=0)
