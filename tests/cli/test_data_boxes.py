"""`topformer data check` of boxes, as a user types it."""

import json

import jsonschema
import msgspec
import pytest
from PIL import Image
from typer.testing import CliRunner

from support.coco_fakes import annotation, annotations, image, write_split
from topformer.cli.main import build_command
from topformer.errors import TopformerError, UsageError
from topformer.verbs.data.boxes.document import BoxDataCheckDocument

runner = CliRunner()

SOUND = annotations(
    annotations=[
        annotation(11, 2, [10, 20, 30.5, 40]),
        annotation(12, 1, [0, 0, 96, 64], category_id=3),
    ]
)


@pytest.fixture
def root(tmp_path):
    return write_split(tmp_path / "set", SOUND)


@pytest.fixture
def check(root, tmp_path):
    """Return a function that checks a data set with some annotations in place of its own."""

    def run(*words: object, **changed: object):
        if changed:
            write_split(root, annotations(**changed))
        words = (root, "--dataset", "coco-folder", "--out", tmp_path / "out", *words)
        return runner.invoke(build_command(), ["data", "check", *map(str, words)])

    return run


def document_of(result) -> dict:
    document = json.loads(result.stdout)
    jsonschema.validate(document, msgspec.json.schema(BoxDataCheckDocument))
    assert document["sound"] == (result.exit_code == 0)
    return document


def warnings_of(result) -> dict[str, dict]:
    (split,) = document_of(result)["splits"]
    assert split["problems"] == []
    return {one["kind"]: one for one in split["warnings"]}


def test_a_sound_data_set_gives_a_sheet_and_exit_0(check, tmp_path):
    result = check()
    assert result.exit_code == 0, result.output
    sheet = tmp_path / "out/coco-folder-train2017.png"
    assert result.stdout.splitlines() == [str(sheet), "sound"]
    with Image.open(sheet) as drawn:
        assert drawn.width > 700
    heading = "train2017: 3 pictures, 64x96 pixels, 1 of them without boxes; 2 boxes"
    assert heading in result.stderr
    (split,) = document_of(check("--json"))["splits"]
    assert (split["pictures"], split["boxes"], split["background"]) == (3, 2, 1)
    names = [(one["category_id"], one["name"], one["boxes"]) for one in split["classes"]]
    assert names == [(3, "dog", 1), (7, "cat", 1)]


def test_crowds_are_counted_and_named_and_are_sound(check):
    crowd = annotation(77, 5, [1, 2, 30, 40], iscrowd=1)
    result = check("--json", annotations=[*SOUND["annotations"], crowd])
    (split,) = document_of(result)["splits"]
    assert result.exit_code == 0
    assert (split["boxes"], split["crowds"], split["background"]) == (2, 1, 0)
    assert split["first_crowds"] == "Annotation 77 in 5.png."
    assert split["classes"][1]["crowds"] == 1
    assert "Annotation 77 in 5.png." in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("kind", "box"),
    [
        ("empty-boxes", [10, 20, 0, 40]),
        ("empty-boxes", [10, 20, 5, 0.9]),
        ("boxes-outside", [97, 20, 30, 30]),
        ("boxes-outside", [-40, -40, 30, 30]),
        ("boxes-over-the-edge", [80, 20, 30, 30]),
        ("boxes-over-the-edge", [10, -2, 30, 30]),
        ("duplicate-boxes", [10, 20, 30.5, 40]),
    ],
)
def test_doubtful_boxes_are_warnings_that_name_them(check, kind, box):
    result = check("--json", annotations=[*SOUND["annotations"], annotation(77, 2, box)])
    assert result.exit_code == 1
    warnings = warnings_of(result)
    assert list(warnings) == [kind]
    assert warnings[kind]["count"] == 1
    assert "Annotation 77 in 2.png." in warnings[kind]["why"]
    assert [file.rsplit("/", 1)[1] for file in warnings[kind]["files"]] == ["2.png"]


def test_turned_pictures_are_a_doubt(check, root):
    """Whether their boxes were drawn on what viewers show, no size tells."""
    exif = Image.Exif()
    exif[0x0112] = 3
    for path in root.glob("images/*/2.png"):
        Image.open(path).save(path, exif=exif)
    warnings = warnings_of(check("--json"))
    assert list(warnings) == ["turned-pictures"]
    assert [file.rsplit("/", 1)[1] for file in warnings["turned-pictures"]["files"]] == ["2.png"]


def test_what_is_near_a_doubt_is_none(check):
    near = [
        annotation(77, 2, [66, 20, 30.9, 44.9]),  # less than a pixel beyond the edge
        annotation(78, 2, [10, 20, 30.5, 40], category_id=3),  # another class
        annotation(79, 1, [10, 20, 30.5, 40]),  # another picture
        annotation(80, 2, [10, 20, 30.5, 40], iscrowd=1),
        annotation(81, 2, [10, 20, 1, 1]),
    ]
    assert check(annotations=[*SOUND["annotations"], *near]).exit_code == 0


def test_classes_without_boxes_and_pictures_without_entries(check):
    result = check("--json", images=[image(1)], annotations=[annotation(1, 1, [1, 2, 3, 4])])
    warnings = warnings_of(result)
    assert set(warnings) == {"unused-classes", "unlisted-pictures"}
    assert "1 of 2 classes have no box: dog." in warnings["unused-classes"]["what"]
    assert warnings["unlisted-pictures"]["count"] == 2


def test_every_problem_is_listed_with_its_annotation_and_picture(check, root):
    wrong = [
        annotation(1, 2, [1, None, 3, 4]),
        annotation(2, 2, [1, 2, -3, 4]),
        annotation(3, 2, [1, 2, 3, 4], category_id=9),
        annotation(4, 99, [1, 2, 3, 4]),
        annotation(5, 2, [1, 2, 3, 4], iscrowd=7),
    ]
    images = [image(1), image(2), image(5), image(6)]
    write_split(root, annotations(annotations=[*SOUND["annotations"], *wrong], images=images))
    (root / "images/train2017/1.png").write_bytes(b"none")
    Image.new("RGB", (10, 10)).save(root / "images/train2017/5.png")
    result = check("--json")
    assert result.exit_code == 1
    (split,) = document_of(result)["splits"]
    assert split["problem_count"] == len(split["problems"]) == 8
    told = " ".join(one["what"] for one in split["problems"])
    for number in (1, 2, 3, 5):
        assert f"annotation {number} of picture 2, 2.png," in told
    assert "annotation 4 of picture 99 is in no picture" in told
    assert "picture 6, 6.png, is missing" in told
    assert "1.png is not a picture" in told
    assert "5.png has another size" in told
    assert all(one["why"] for one in split["problems"])
    assert split["sheet"]  # of the picture that is left
    assert "problem: " in result.stderr


def test_many_problems_of_a_kind_are_counted(check):
    wrong = [annotation(number, 2, [1, 2, -3, 4]) for number in range(50)]
    result = check("--json", annotations=wrong)
    (split,) = document_of(result)["splits"]
    assert split["problem_count"] == 50
    assert len(split["problems"]) == 5
    assert "and 45 problems more" in result.stderr


def test_splits_are_those_there_are_and_must_fit_each_other(check, root):
    write_split(root, SOUND, split="val")
    document = document_of(check("--json"))
    assert [one["split"] for one in document["splits"]] == ["train2017", "val"]
    (shared,) = document["splits"][1]["warnings"]
    assert (shared["kind"], shared["count"]) == ("shared-pictures", 3)
    write_split(
        root, annotations(categories=[{"id": 7, "name": "cat"}], annotations=[]), split="val"
    )
    (problem,) = document_of(check("--json"))["splits"][1]["problems"]
    assert "different categories" in problem["what"]
    only = document_of(check("--split", "train", "--json"))
    assert [one["split"] for one in only["splits"]] == ["train2017"]


def test_coco_with_other_categories_is_a_problem(check):
    result = check("--dataset", "coco", "--json")
    (problem,) = document_of(result)["splits"][0]["problems"]
    assert "80 categories of COCO" in problem["what"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"x":' + b"[" * 10**6, b"\xff\xfe"])
def test_what_is_no_annotation_file_is_one_error(check, root, content):
    write_split(root, content)
    result = check()
    assert isinstance(result.exception, TopformerError)
    assert "instances_train2017.json" in result.exception.what
    assert result.stdout == ""


def test_a_folder_without_annotations(check, root):
    (root / "annotations/instances_train2017.json").unlink()
    error = check().exception
    assert isinstance(error, UsageError)
    assert "no annotations in COCO's format" in error.what
    assert isinstance(check("--split", "train").exception, UsageError)
