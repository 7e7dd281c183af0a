"""`predict` with a detector: boxes drawn, counted, and written as COCO results."""

import json
import weakref

import jsonschema
import msgspec
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from support.coco_fakes import annotations, save_detector, write_split
from topformer.classes import COCO_CATEGORY_IDS, dataset_classes
from topformer.cli.main import build_command
from topformer.detection import SHOWN_SCORE
from topformer.errors import UsageError
from topformer.images import bench_picture, read_picture
from topformer.runtimes import open_model
from topformer.verbs.predict.boxes import BoxResults, category_ids
from topformer.verbs.predict.document import BoxedPictureDocument, BoxPredictDocument

runner = CliRunner()


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return save_detector(tmp_path_factory.mktemp("detector") / "lite.safetensors")


@pytest.fixture
def pictures(tmp_path):
    folder = write_split(tmp_path / "set", annotations()) / "images/train2017"
    (folder / "5.png").rename(folder / "street.png")
    return folder


@pytest.fixture
def predict(detector, tmp_path):
    """Return a function that runs the detector at 64x64, into tmp_path/out."""

    def run(*words: object):
        usual = ["--model", detector, "--image-size", 64, "--out", tmp_path / "out"]
        return runner.invoke(build_command(), ["predict", *map(str, (*words, *usual))])

    return run


def test_results_are_what_the_model_finds(predict, detector, pictures, tmp_path):
    result = predict(pictures / "street.png", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, msgspec.json.schema(BoxPredictDocument))
    assert document["detection_head"] == "lite"
    assert document["score_threshold"] == 0.05
    (picture,) = document["pictures"]
    assert (picture["width"], picture["height"], picture["image_id"]) == (96, 64, 1)
    expected = open_model(detector, image_size=(64, 64)).predict(
        read_picture(pictures / "street.png")
    )
    assert len(picture["boxes"]) == len(expected) > 0
    assert [box["id"] for box in picture["boxes"]] == expected.labels.tolist()
    found = np.array([box["bbox"] for box in picture["boxes"]])
    corners = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], 1)
    np.testing.assert_allclose(corners, expected.corners, atol=0.011)
    scores = [box["score"] for box in picture["boxes"]]
    np.testing.assert_allclose(scores, expected.scores, atol=1e-5)
    # The file holds the same, in COCO's form.
    results = json.loads((tmp_path / "out/street.boxes.json").read_text())
    assert [set(one) for one in results] == [{"image_id", "category_id", "bbox", "score"}] * len(
        expected
    )
    assert [one["bbox"] for one in results] == found.tolist()
    assert [one["category_id"] for one in results] == (expected.labels + 1).tolist()


def test_the_overlay_is_the_picture_with_frames(predict, pictures, tmp_path):
    result = predict(pictures / "street.png")
    overlay = Image.open(tmp_path / "out/street.overlay.png")
    assert result.stdout.split() == [
        str(tmp_path / "out" / name) for name in ("street.overlay.png", "street.boxes.json")
    ]
    assert overlay.size == (96, 64)
    assert "weights: drawn" in overlay.info["Description"]
    assert (np.asarray(overlay) != read_picture(pictures / "street.png")).any()


def test_pictures_are_called_by_their_numbers(predict, pictures, tmp_path):
    (pictures / "street.png").rename(pictures / "000000000139.png")
    document = json.loads(predict(pictures, "--json").stdout)
    ids = {one["path"].rsplit("/", 1)[1]: one["image_id"] for one in document["pictures"]}
    assert ids == {"000000000139.png": 139, "1.png": 1, "2.png": 2}


@pytest.mark.parametrize("other", ["street", "002"])
def test_no_two_pictures_have_one_number(predict, pictures, other):
    """Else whoever joins the results has the boxes of two pictures in one."""
    (pictures / "street.png").rename(pictures / f"{other}.png")
    document = json.loads(predict(pictures, "--json").stdout)
    assert [one["image_id"] for one in document["pictures"]] == [1, 2, 3]


def test_a_threshold_is_a_number(predict, pictures):
    assert predict(pictures / "1.png", "--threshold", "nan").exit_code == 2


def test_a_threshold_leaves_out_what_scores_less(predict, pictures):
    def found(*words):
        document = json.loads(predict(pictures / "1.png", "--json", *words).stdout)
        return document["score_threshold"], document["pictures"][0]["boxes"]

    _, usual = found()
    middle = float(np.median([box["score"] for box in usual]))
    threshold, fewer = found("--threshold", middle)
    assert threshold == middle
    assert 0 < len(fewer) < len(usual)
    assert all(box["score"] > middle - 1e-5 for box in fewer)
    assert fewer == usual[: len(fewer)]


def test_unlikely_boxes_are_in_the_results_and_not_in_the_picture(predict, pictures, tmp_path):
    """AP counts them, and nobody wants to look at a hundred boxes."""

    def run(*words):
        result = predict(pictures / "1.png", *words)
        overlay = np.asarray(Image.open(tmp_path / "out/1.overlay.png"))
        scores = [one["score"] for one in json.loads((tmp_path / "out/1.boxes.json").read_text())]
        rows = [line.split("│")[2] for line in result.stderr.splitlines() if "│ ■" in line]
        return overlay, scores, sum(map(int, rows))

    usual, scores, counted = run()
    likely = sum(score > SHOWN_SCORE for score in scores)
    assert 0 < counted == likely < len(scores)
    same, likely_scores, counted = run("--threshold", SHOWN_SCORE)
    assert counted == likely == len(likely_scores)
    np.testing.assert_array_equal(usual, same)
    all_of_them, _, counted = run("--threshold", 0.05)
    assert counted == len(scores)
    assert (all_of_them != usual).any()


def test_nothing_found_is_no_failure(predict, pictures, tmp_path):
    result = predict(pictures, "--threshold", 1)
    assert result.exit_code == 0
    assert json.loads((tmp_path / "out/1.boxes.json").read_text()) == []
    assert "1.png: nothing" in result.stderr


def test_table_and_lines_count_boxes(predict, pictures):
    result = predict(pictures)
    assert "overlays and COCO results are in" in " ".join(result.stderr.split())
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stderr.splitlines()]
    names = {row[0].removeprefix("■ ") for row in rows if row}
    assert names <= {"dog", "cat"}
    assert sum(int(row[1].replace(",", "")) for row in rows if row) > 3
    assert any(line.startswith("1.png: ") for line in result.stderr.splitlines())


class Watched(BoxedPictureDocument, frozen=True, kw_only=True, weakref=True):
    """What was found in a picture, with a sign of when it is forgotten."""


@pytest.mark.parametrize(("words", "kept"), [([], [0, 1, 1]), (["--json"], [0, 1, 2])])
def test_boxes_are_kept_for_a_document_only(predict, pictures, monkeypatch, words, kept):
    made, alive, make = [], [], BoxResults.make

    def watched(*arguments, **named):
        alive.append(sum(one() is not None for one in made))
        found = make(*arguments, **named)
        found = Watched(**{name: getattr(found, name) for name in found.__struct_fields__})
        made.append(weakref.ref(found))
        return found

    monkeypatch.setattr(BoxResults, "make", watched)
    assert predict(pictures, *words).exit_code == 0
    assert alive == kept


def test_boxes_of_a_large_picture_are_in_its_own_pixels(predict, pictures, tmp_path, monkeypatch):
    whole = json.loads(predict(pictures / "1.png", "--json").stdout)["pictures"][0]
    monkeypatch.setattr("topformer.images.LARGEST_WHOLE_PX", 96 * 64 // 4)
    reduced = json.loads(predict(pictures / "1.png", "--json").stdout)["pictures"][0]
    assert (reduced["width"], reduced["height"]) == (96, 64)
    assert Image.open(tmp_path / "out/1.overlay.png").size == (48, 32)
    rights = [
        max(box["bbox"][0] + box["bbox"][2] for box in one["boxes"]) for one in (whole, reduced)
    ]
    assert rights == pytest.approx([96, 96], abs=0.02)


def test_a_broken_picture_is_reported_and_the_rest_go_on(predict, pictures, tmp_path):
    (pictures / "2.png").write_bytes(b"none")
    result = predict(pictures, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert [one["path"] for one in document["failures"]] == [str(pictures / "2.png")]
    assert len(document["pictures"]) == 2
    assert not (tmp_path / "out/2.boxes.json").exists()


def test_both_files_or_none(predict, pictures, tmp_path):
    (tmp_path / "out/1.boxes.json").mkdir(parents=True)
    assert predict(pictures / "1.png").exit_code == 1
    assert not (tmp_path / "out/1.overlay.png").exists()


def test_labels_have_no_threshold(pictures, tmp_path):
    words = [
        "predict",
        str(pictures),
        "--model",
        "tiny",
        "--image-size",
        "64",
        "--threshold",
        "0.5",
    ]
    error = runner.invoke(build_command(), [*words, "--out", str(tmp_path / "out")]).exception
    assert isinstance(error, UsageError)
    assert error.what == "--threshold is for boxes, and tiny is for semantic-segmentation."


def test_categories_are_cocos_for_its_classes():
    coco = dataset_classes("coco")
    assert category_ids(coco) == COCO_CATEGORY_IDS
    other = msgspec.structs.replace(coco, names=("human", *coco.names[1:]))
    assert category_ids(other) == tuple(range(1, 81))


def test_an_exported_detector_finds_what_the_threshold_lets_pass(detector_pte, tmp_path):
    street = tmp_path / "street.png"
    Image.fromarray(bench_picture(64, 64).pixels).save(street)
    expected = open_model(detector_pte).predict(read_picture(street))
    threshold = float(np.median(expected.scores))
    words = ["predict", street, "--model", detector_pte, "--out", tmp_path / "out", "--json"]
    for given, count in (
        ([], len(expected)),
        (["--threshold", threshold], int((expected.scores > threshold).sum())),
    ):
        result = runner.invoke(build_command(), list(map(str, [*words, *given])))
        document = json.loads(result.stdout)
        assert document["runtime"] == "executorch"
        assert len(document["pictures"][0]["boxes"]) == count > 0
