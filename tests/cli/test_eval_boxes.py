"""`eval` of detectors, from end to end."""

import json
import shutil

import jsonschema
import msgspec
import pytest
from PIL import Image
from typer.testing import CliRunner

from support.coco_fakes import annotation, annotations, save_detector, write_split
from topformer.cli.main import build_command
from topformer.data.coco import read_split
from topformer.errors import TopformerError, UsageError
from topformer.evaluation.boxes import score_boxes
from topformer.images import read_picture
from topformer.runtimes import open_model
from topformer.verbs.eval.boxes.document import BoxEvalDocument, BoxEvalsDocument

runner = CliRunner()


def evaluate(*arguments: object):
    return runner.invoke(build_command("eval"), ["eval", *map(str, arguments)])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_split(tmp_path_factory.mktemp("coco"), annotations())


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return save_detector(tmp_path_factory.mktemp("detector") / "lite.safetensors")


@pytest.fixture
def told(root, detector, tmp_path):
    """Return the first arguments of a usual call."""
    words = ["--dataset", "coco-folder", "--data", root, "--split", "train", "--model", detector]
    return [*words, "--out", tmp_path / "out"]


def test_a_checkpoint_is_scored_on_whole_pictures(told, tmp_path):
    result = evaluate(*told, "--short-side", 64, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, msgspec.json.schema(BoxEvalDocument))
    assert document["protocol"] == "whole"
    assert document["scale"] == {"long_px": 1333, "short_px": 64, "multiple_px": 32}
    assert document["detection_head"] == "lite"
    assert (document["split"], document["pictures"], document["boxes"]) == ("train2017", 3, 2)
    assert [one["category_id"] for one in document["classes"]] == [3, 7]
    assert [one["boxes"] for one in document["classes"]] == [1, 1]
    assert 0 <= document["figures"]["ap"] <= document["figures"]["ap50"] <= 1
    assert document["figures"]["ap_large"] is None
    assert len(document["worst"]) == 2  # the third has no box
    names = ["precision-recall.png", "worst.png"]
    assert document["files"] == [str(tmp_path / "out" / name) for name in names]
    for file in document["files"]:
        with Image.open(file) as image:
            assert "AP" in image.info["Description"]


def test_lines_and_tables_say_the_same(told):
    result = evaluate(*told, "--image-size", 64)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith("AP 0.")
    assert lines[3].startswith("AP small 0.")
    assert lines[5] == "AP large undefined"
    assert lines[12] == "protocol fixed: 64x64, stretched"
    assert "dog" in result.stderr
    assert "AR, 100" in result.stderr


def test_the_figures_are_those_of_the_library(told, root, detector):
    document = json.loads(evaluate(*told, "--image-size", 64, "--json").stdout)
    opened = open_model(detector, image_size=(64, 64))
    scores = score_boxes(opened.predict, read_split(root, "train")).scores
    assert document["figures"]["ap50"] == scores.ap50
    assert document["figures"]["ar_100"] == scores.ar_100 > 0


def test_several_models_are_compared(told, detector, tmp_path):
    other = tmp_path / "other.safetensors"
    shutil.copy(detector, other)
    result = evaluate(*told, "--model", other, "--image-size", 64, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, msgspec.json.schema(BoxEvalsDocument))
    assert [one["model"] for one in document["models"]] == [str(detector), str(other)]
    assert document["models"][0]["figures"] == document["models"][1]["figures"]
    assert (tmp_path / "out/other.safetensors/worst.png").is_file()
    assert "+0.00" in evaluate(*told, "--model", other, "--image-size", 64).stderr


def test_class_names_that_differ_are_told(told, tmp_path):
    names = tmp_path / "names"
    names.write_text("cat\ndog\n")
    result = evaluate(*told, "--image-size", 64, "--classes", names)
    assert "2 of 2 classes have other names" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (["--dataset", "camvid"], TopformerError, "not laid out as this data set"),
        (["--task", "segmentation"], UsageError, "holds boxes, to detect"),
        (["--task", "detection", "--dataset", "camvid"], UsageError, "labels of pixels"),
        (["--task", "tracking"], UsageError, "no task called"),
        (["--split", "val"], UsageError, "has no split called 'val'"),
        (["--model", "tiny"], TopformerError, "is for semantic-segmentation"),
        (["--dataset", "coco"], TopformerError, "80 categories of COCO"),
        (["--image-size", 64, "--short-side", 64], UsageError, "--short-side"),
    ],
)
def test_what_does_not_fit_is_one_error(told, words, kind, says):
    result = evaluate(*told, *words)
    assert isinstance(result.exception, kind)
    assert says in str(result.exception)


def test_a_detector_is_not_scored_on_labels(detector, folder, tmp_path):
    words = ["--dataset", "folder", "--data", folder, "--model", detector]
    error = evaluate(*words, "--out", tmp_path / "out").exception
    assert isinstance(error, TopformerError)
    assert "is for object-detection, not for semantic-segmentation" in error.what


def test_other_counts_of_classes_are_refused(told, tmp_path):
    detector = save_detector(tmp_path / "three.safetensors", classes=3)
    error = evaluate(*told[:-4], "--model", detector, *told[-2:]).exception
    assert isinstance(error, TopformerError)
    assert "tells 3 classes apart" in error.why


def test_a_picture_that_cannot_be_read_ends_it(told, detector, tmp_path):
    root = write_split(tmp_path / "set", annotations())
    (root / "images/train2017/5.png").write_bytes(b"none")
    words = ["--dataset", "coco-folder", "--data", root, "--split", "train", "--model", detector]
    error = evaluate(*words, "--image-size", 64, "--out", tmp_path / "out").exception
    assert isinstance(error, TopformerError)
    assert "5.png" in error.what


def test_an_exported_detector_is_scored_at_its_size_beside_its_checkpoint(detector_pte, tmp_path):
    categories = [{"id": number, "name": f"class {number}"} for number in range(3)]
    root = write_split(tmp_path, annotations(categories=categories, annotations=[]))
    # What it finds in a picture is what should be found, or it would be right nowhere.
    found = open_model(detector_pte).predict(read_picture(root / "images/train2017/1.png"))
    left, top, right, bottom = found.corners[0].tolist()
    box = annotation(1, 1, [left, top, right - left, bottom - top])
    box["category_id"] = int(found.labels[0])
    write_split(tmp_path, annotations(categories=categories, annotations=[box]))
    words = ["--dataset", "coco-folder", "--data", root, "--split", "train", "--model"]
    words += [detector_pte, "--out", tmp_path / "out", "--json"]
    document = json.loads(evaluate(*words).stdout)
    assert document["runtime"] == "executorch"
    assert (document["protocol"], document["image_size"]) == ("fixed", [64, 64])
    scores = score_boxes(open_model(detector_pte).predict, read_split(root, "train")).scores
    assert document["figures"]["ap50"] == scores.ap50 > 0
    assert document["figures"]["ar_100"] == scores.ar_100 > 0
    error = evaluate(*words, "--short-side", 64).exception
    assert isinstance(error, UsageError)
