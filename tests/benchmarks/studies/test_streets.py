"""Pictures without labels beside CamVid's: a small CamVid, and pictures of any shape."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support.folders import write_folder
from topformer.benchmarks.studies import streets
from topformer.data import open_dataset
from topformer.data.pairs import open_pair


@pytest.fixture
def camvid(tmp_path):
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 2)):
        pairs = {
            str(number): (
                rng.integers(0, 256, (12, 16, 3), np.uint8),
                rng.integers(0, 11, (12, 16), np.uint8),
            )
            for number in range(count)
        }
        write_folder(tmp_path / "camvid", pairs, split=split)
    return tmp_path / "camvid"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, size in (("tall", (300, 900)), ("wide", (900, 300)), ("turned", (640, 480))):
        exif = Image.Exif()
        exif[0x0112] = 6 if name == "turned" else 1
        Image.new("RGB", size, "red").save(folder / f"{name}.jpg", exif=exif)
    return folder


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["streets", *map(str, arguments)])
    return streets.main()


def test_camvid_stands_there_twice_and_each_picture_once_without_labels(
    camvid, pictures, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "out"
    assert run(monkeypatch, camvid, out, pictures) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{out}\n", "3 pictures without labels\n")
    dataset, original = open_dataset("camvid", out), open_dataset("camvid", camvid)
    found = dataset.split("train")
    opened = [open_pair(pair, found, dataset.classes) for pair in found.pairs]
    bare = [one for one in opened if (one.labels.ids == 255).all()]
    assert (len(opened), len(bare)) == (2 * 3 + 3, 3)
    assert {one.picture.shape for one in bare} == {(480, 640, 3)}
    for split, copies in (("train", 2), ("val", 1)):
        names = [pair.picture.read_bytes() for pair in dataset.split(split).pairs]
        for pair in original.split(split).pairs:
            assert names.count(pair.picture.read_bytes()) == copies
    assert len(dataset.split("val").pairs) == 2


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 9))
def test_the_largest_part_is_taken_and_no_more_than_there_is(height, width, seed):
    picture = np.zeros((height, width, 3), np.uint8)
    part = streets.cut(picture, np.random.default_rng(seed))
    assert part.shape[0] == height or part.shape[1] == width
    assert part.shape[0] <= height
    assert part.shape[1] <= width
    if min(height, width) > 50:
        assert part.shape[1] / part.shape[0] == pytest.approx(4 / 3, rel=0.05)


def test_of_tall_pictures_neither_the_top_nor_the_bottom_is_taken():
    picture = np.arange(1000)[:, None, None]
    rng = np.random.default_rng(0)
    for _ in range(50):
        rows = streets.cut(np.broadcast_to(picture, (1000, 300, 3)), rng)[:, 0, 0]
        assert rows[0] >= 0.2 * 775 - 1
        assert rows[-1] <= 0.6 * 775 + 225


def test_what_exists_is_not_overwritten(camvid, pictures, monkeypatch, capsys):
    assert run(monkeypatch, camvid, pictures, pictures) == 1
    assert "exists" in capsys.readouterr().err
    assert len(list(pictures.iterdir())) == 3


def test_what_is_no_picture_is_an_error(camvid, pictures, tmp_path, monkeypatch, capsys):
    (pictures / "broken.jpg").write_bytes(b"no picture")
    assert run(monkeypatch, camvid, tmp_path / "out", pictures) == 1
    assert "broken.jpg" in capsys.readouterr().err


def test_without_folders_it_says_how_it_is_called(camvid, tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, camvid, tmp_path / "out") == 2
    assert "FOLDER..." in capsys.readouterr().err
