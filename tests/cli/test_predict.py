import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from topformer.classes import dataset_classes
from topformer.cli.main import build_command
from topformer.errors import TopformerError, UsageError
from topformer.images import read_picture
from topformer.manifest import Manifest, ModelInfo, OutputInfo, WeightsInfo
from topformer.preprocess import input_info
from topformer.runtimes import OpenedModel, open_model
from topformer.verbs.predict.document import PredictDocument

runner = CliRunner()


class BrightnessNetwork:
    """Class 2 where the picture is bright, class 5 where it is dark."""

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        brightness = tensor.mean(axis=1)[0, 3::8, 3::8]
        logits = np.full((1, 150, *brightness.shape), -9.0, np.float32)
        logits[0, 2], logits[0, 5] = brightness, -brightness
        return [logits]


def brightness_model(*, random_seed: int | None) -> OpenedModel:
    weights = WeightsInfo(
        name="brightness", sha256="0" * 64, licence="-", source="-", random_seed=random_seed
    )
    manifest = Manifest(
        model=ModelInfo(variant="tiny", num_classes=150, fused_channels=128, depthwise_head=True),
        weights=weights,
        input=input_info(64, 64),
        outputs=(OutputInfo(meaning="logits", shape=(1, 150, 8, 8), stride=8),),
        classes=dataset_classes("ade20k"),
    )
    return OpenedModel(manifest=manifest, runtime="torch", network=BrightnessNetwork())


@pytest.fixture
def trained(monkeypatch):
    monkeypatch.setattr(
        "topformer.verbs.predict.run.open_model",
        lambda source, image_size=None, classes=None: brightness_model(random_seed=None),
    )


@pytest.fixture
def half_bright(tmp_path):
    """A picture whose left half is black and right half is white."""
    pixels = np.zeros((60, 200, 3), np.uint8)
    pixels[:, 100:] = 255
    path = tmp_path / "half.png"
    Image.fromarray(pixels).save(path)
    return path


def run(*arguments: object):
    return runner.invoke(build_command(), ["predict", *map(str, arguments)], catch_exceptions=True)


def test_labels_are_the_classes_at_the_pictures_own_size(trained, half_bright, tmp_path):
    out = tmp_path / "out"
    result = run(half_bright, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [
        str(out / "half.overlay.png"),
        str(out / "half.labels.png"),
    ]
    labels = Image.open(out / "half.labels.png")
    assert labels.mode == "P"
    assert labels.size == Image.open(out / "half.overlay.png").size == (200, 60)
    ids = np.asarray(labels)
    assert set(ids[:, :95].ravel()) == {5}
    assert set(ids[:, 105:].ravel()) == {2}
    names = dataset_classes("ade20k").names
    assert names[2] in result.stderr
    assert "RANDOM" not in result.stderr


@pytest.mark.parametrize("name", ["large.png", "large.jpg"])
def test_labels_of_a_large_picture_have_its_size_and_its_overlay_less(
    trained, half_bright, tmp_path, monkeypatch, name
):
    large = tmp_path / name
    Image.open(half_bright).convert("RGB").save(large)
    run(large, "--out", tmp_path / "whole")
    monkeypatch.setattr("topformer.images.LARGEST_WHOLE_PX", 60 * 200 // 4)
    result = run(large, "--out", tmp_path / "out", "--json")
    (picture,) = msgspec.json.decode(result.stdout, type=PredictDocument).pictures
    assert (picture.width, picture.height) == (200, 60)
    assert Image.open(picture.overlay).size == (100, 30)
    labels = np.asarray(Image.open(picture.labels))
    assert labels.shape == (60, 200)
    np.testing.assert_array_equal(
        labels, np.asarray(Image.open(tmp_path / "whole/large.labels.png"))
    )


def test_json(trained, half_bright, tmp_path):
    result = run(half_bright, "--out", tmp_path / "out", "--json")
    document = msgspec.json.decode(result.stdout, type=PredictDocument)
    assert document.image_size == (64, 64)
    assert not document.random_weights
    (picture,) = document.pictures
    assert (picture.width, picture.height) == (200, 60)
    assert {found.id for found in picture.classes} == {2, 5}
    assert sum(found.share for found in picture.classes) == pytest.approx(1)
    assert document.failures == ()


def test_a_broken_picture_is_reported_and_the_rest_go_on(trained, half_bright, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(half_bright.read_bytes()[:60])
    (tmp_path / "notes.txt").write_text("no picture")
    out = tmp_path / "out"
    result = run(tmp_path, "--out", out, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert [one["path"] for one in document["pictures"]] == [str(half_bright)]
    (failure,) = document["failures"]
    assert failure["path"] == str(broken)
    assert failure["why"]
    assert "broken.png" in result.stderr
    assert {path.name for path in out.iterdir()} == {"half.overlay.png", "half.labels.png"}


def test_a_result_that_cannot_be_written_fails_its_picture_only(trained, half_bright, tmp_path):
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    for name in ("a.png", "b.png", f"{'x' * 251}.png"):
        shutil.copy(half_bright, folder / name)
    # Something that is no file and must not be replaced.
    (out / "a.labels.png").mkdir(parents=True)
    result = run(folder, "--out", out, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    (failure,) = document["failures"]
    assert failure["path"] == str(folder / "a.png")
    assert "a.labels.png" in failure["what"]
    assert "folder" in failure["why"]
    assert f"failed: {failure['what']}" in result.stderr
    for one in document["pictures"]:
        assert Path(one["overlay"]).is_file()
        assert Path(one["labels"]).is_file()
    assert [Path(one["path"]).name[0] for one in document["pictures"]] == ["b", "x"]


def test_an_unwritable_folder_is_told_before_the_model_is_opened(monkeypatch, half_bright):
    monkeypatch.setattr("topformer.verbs.predict.run.open_model", None)
    result = run(half_bright, "--out", half_bright / "inside")
    assert isinstance(result.exception, TopformerError)
    assert result.exception.what == f"{half_bright / 'inside'} cannot be written to."


def test_a_folder_has_a_line_a_picture_and_one_table(trained, half_bright, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(half_bright, folder / "half.png")
    Image.new("RGB", (60, 200)).save(folder / "dark.png")
    result = run(folder, "--out", tmp_path / "out")
    bright, dark = (dataset_classes("ade20k").names[number] for number in (2, 5))
    lines = result.stderr.splitlines()
    assert f"dark.png: {dark} 100.0 %" in lines
    (half,) = (line for line in lines if line.startswith("half.png: "))
    assert bright in half
    assert dark in half
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    # The whole of one and half of the other, which has as many pixels.
    shares = {name.removeprefix("■ "): (share, pictures) for name, share, pictures in rows}
    assert shares[dark][1] == "2"
    assert shares[bright][1] == "1"
    assert 74 < float(shares[dark][0].removesuffix(" %")) < 77
    alone = run(half_bright, "--out", tmp_path / "alone").stderr.splitlines()
    assert "half.png" in alone
    assert not any(line.startswith("half.png:") for line in alone)


def test_orientation_alpha_and_grey(trained, tmp_path):
    """The size is that of the picture as seen, and black is black in every mode."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (90, 70)).save(tmp_path / "turned.jpg", exif=exif)
    Image.new("RGBA", (90, 70), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("L", (1, 1)).save(tmp_path / "dot.png")
    Image.new("CMYK", (70, 70), (0, 0, 0, 255)).save(tmp_path / "cmyk.tiff")
    out = tmp_path / "out"
    assert run(tmp_path, "--out", out).exit_code == 0
    expected = {"turned": ((70, 90), 5), "clear": ((90, 70), 2), "dot": ((1, 1), 5)}
    expected["cmyk"] = ((70, 70), 5)
    for name, (size, label) in expected.items():
        labels = Image.open(out / f"{name}.labels.png")
        assert labels.size == size, name
        assert set(np.asarray(labels).ravel()) == {label}, name


def test_results_are_no_input_of_the_next_run(trained, half_bright, tmp_path):
    for _ in range(2):
        result = run(tmp_path, "--out", tmp_path)
        assert len(result.stdout.split()) == 2


def test_names_that_clash_are_refused_before_anything_runs(trained, half_bright, tmp_path):
    other = tmp_path / "other" / "HALF.jpg"
    other.parent.mkdir()
    Image.new("RGB", (8, 8)).save(other)
    result = run(half_bright, other, "--out", tmp_path / "out")
    assert isinstance(result.exception, UsageError)
    assert "half.png" in result.exception.what
    assert not (tmp_path / "out").exists()
    assert run(half_bright, half_bright, "--out", tmp_path / "out").exit_code == 0


def test_nothing_to_do_is_wrong_usage(trained, tmp_path):
    for arguments in ((tmp_path,), (tmp_path / "missing.png",)):
        assert isinstance(run(*arguments).exception, UsageError)


def test_bad_image_size(trained, half_bright):
    assert isinstance(run(half_bright, "--image-size", "12").exception, UsageError)


def test_random_weights_are_announced_everywhere(monkeypatch, half_bright, tmp_path):
    monkeypatch.setattr(
        "topformer.verbs.predict.run.open_model",
        lambda source, image_size=None, classes=None: brightness_model(random_seed=1),
    )
    out = tmp_path / "out"
    result = run(half_bright, "--out", out, "--json")
    assert "RANDOM weights" in result.stderr
    assert json.loads(result.stdout)["random_weights"] is True
    for path in out.iterdir():
        assert "RANDOM" in Image.open(path).text["Description"]


def test_a_real_model(half_bright, tmp_path):
    out = tmp_path / "out"
    result = run(half_bright, "--model", "tiny", "--image-size", "64x128", "--out", out, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["runtime"] == "torch"
    assert document["image_size"] == [64, 128]
    expected = open_model("tiny", image_size=(64, 128)).predict(read_picture(half_bright))
    np.testing.assert_array_equal(np.asarray(Image.open(out / "half.labels.png")), expected)
