"""Annotation files in COCO's format: what is read of them, and which are refused."""

import json
import shutil
import tracemalloc

import msgspec
import numpy as np
import pytest
from PIL import Image

from support.coco_fakes import annotation, annotations, image, write_split
from topformer.classes import COCO_CATEGORY_IDS, dataset_classes
from topformer.data import open_box_dataset, open_dataset
from topformer.data.coco import documents, open_boxed, read_split, require_same_classes
from topformer.data.coco.finding import split_names
from topformer.errors import TopformerError, UsageError


@pytest.fixture
def root(tmp_path):
    return write_split(tmp_path / "set", annotations())


def refusal(root, content) -> TopformerError:
    write_split(root, content)
    with pytest.raises(TopformerError) as error:
        read_split(root, "train")
    return error.value


def test_boxes_by_picture(root):
    split = read_split(root, "train")
    assert split.name == "train2017"
    assert [one.id for one in split] == [1, 2, 5]
    assert split.category_ids == (3, 7)
    assert split.classes.names == ("dog", "cat")
    assert split.classes.dataset == "set"
    first, second, third = split
    assert first.path == root / "images/train2017/1.png"
    assert (first.width, first.height) == (96, 64)
    assert first.corners.tolist() == [[0, 0, 96, 64]]
    assert first.labels.tolist() == [0]
    assert first.areas.tolist() == [96 * 64]  # of the box, where none is given
    assert second.corners.tolist() == [[10, 20, 40.5, 60], [1, 2, 4, 6]]
    assert second.corners.dtype == np.float32
    assert second.labels.tolist() == [1, 1]
    assert second.crowd.tolist() == [False, True]
    assert second.areas.tolist() == [700.5, 12]
    assert second.annotation_ids.tolist() == [11, 13]
    assert len(third) == 0
    assert third.corners.shape == (0, 4)


def test_what_can_be_learnt(root):
    boxes = [
        annotation(1, 2, [-10, -10, 30, 30]),
        annotation(2, 2, [95.5, 10, 30, 30]),
        annotation(3, 2, [10, 10, 0, 30]),
        annotation(4, 2, [10, 10, 30, 30], iscrowd=1),
        annotation(5, 2, [200, 200, 30, 30]),
        annotation(6, 2, [10, 10, 30, 30], category_id=3),
    ]
    picture = read_split(write_split(root, annotations(annotations=boxes)), "train")[1]
    corners, labels = picture.learnable()
    assert corners.tolist() == [[0, 0, 20, 20], [10, 10, 40, 40]]
    assert labels.tolist() == [1, 0]
    assert len(picture) == 6  # all count for scores


def test_subset_is_as_the_whole(root):
    split = read_split(root, "train")
    part = split.subset([2, 1])
    assert [one.id for one in part] == [2, 5]
    assert part[0].annotation_ids.tolist() == [11, 13]
    assert part[0].corners.tolist() == split[1].corners.tolist()
    assert len(part[1]) == 0
    assert part.category_ids == split.category_ids


def test_splits_are_found_by_either_name(root):
    assert read_split(root, "train2017").name == "train2017"
    write_split(root, annotations(images=[image(1)], annotations=[]), split="train")
    assert len(read_split(root, "train")) == 1  # the plain name goes first
    with pytest.raises(UsageError, match="val") as error:
        read_split(root, "val")
    assert "train, train2017" in error.value.next_step
    (root / "annotations/instances_train (1).json").touch()  # a second download
    assert split_names(root) == ["train", "train2017"]
    for name in ("../train2017", "", "a/b", "*"):
        with pytest.raises(UsageError):
            read_split(root, name)


def test_pictures_may_lie_beside_the_annotations(root):
    (root / "images/train2017").rename(root / "train2017")
    assert read_split(root, "train")[0].path == root / "train2017/1.png"
    shutil.rmtree(root / "train2017")
    with pytest.raises(TopformerError, match="There is no folder"):
        read_split(root, "train")


def test_byte_order_mark_is_passed_over(root):
    write_split(root, b"\xef\xbb\xbf" + json.dumps(annotations()).encode())
    assert len(read_split(root, "train")) == 3


@pytest.mark.parametrize(
    ("bbox", "says"),
    [
        ([1, None, 3, 4], "[1, none, 3, 4]"),
        ([1, "2", 3, 4], "[1, 2, 3, 4]"),
        ([1, 2, 3, float("nan")], "[1, 2, 3, none]"),
        ([float("-inf"), 2, 3, 4], "[none, 2, 3, 4]"),
        ([1e7, 2, 3, 4], "[1e+07, 2, 3, 4]"),
        ([1, 2, -3, 4], "[1, 2, -3, 4]"),
    ],
)
def test_broken_boxes_are_named(root, bbox, says):
    error = refusal(root, annotations(annotations=[annotation(42, 2, bbox)]))
    assert "annotation 42 of picture 2, 2.png," in error.what
    assert says in error.why


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (annotation(42, 2, [1, 2, 3]), "annotation 42 of picture 2"),
        (annotation(42, 2, [1, 2, 3, 4, 5]), "annotation 42 of picture 2"),
        (annotation(42, 2, [1, 2, 3, [4]]), "annotation 42 of picture 2"),
        (annotation("x", 2, [1, 2, 3, 4]), "annotation x of picture 2"),
        ({"id": 42, "image_id": 2, "category_id": 7}, "bbox"),
        (annotation(2**60, 2, [1, 2, 3, 4]), str(2**60)),
    ],
)
def test_entries_of_another_form_are_named(root, entry, says):
    error = refusal(root, annotations(annotations=[annotation(1, 2, [1, 2, 3, 4]), entry]))
    assert "is not in COCO's format" in error.what
    assert "Entry 1 of `annotations`" in error.why
    assert says in error.why


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"annotations": [annotation(1, 2, [1, 2, 3, 4], category_id=9)]}, "unknown category"),
        ({"annotations": [annotation(1, 9, [1, 2, 3, 4])]}, "is in no picture"),
        ({"annotations": [annotation(1, 2, [1, 2, 3, 4])] * 2}, "has an id that is taken"),
        ({"annotations": [annotation(1, 2, [1, 2, 3, 4], iscrowd=2)]}, "neither a crowd"),
        ({"annotations": [annotation(1, 2, [1, 2, 3, 4], area=-1)]}, "no sensible area"),
        ({"images": [image(1), image(2), image(2, file_name="5.png")]}, "id 2 is given twice"),
        ({"images": [image(1), image(2), image(3, file_name="1.png")]}, "as another one is"),
        ({"images": [image(1), image(2), image(3)]}, "picture 3, 3.png, is missing"),
        ({"images": []}, "names no pictures"),
        ({"categories": []}, "no categories"),
        ({"categories": [{"id": 7, "name": "a"}, {"id": 7, "name": "b"}]}, "id or name, 7"),
        ({"categories": [{"id": 0, "name": "a"}, {"id": 7, "name": "a"}]}, "id or name, a"),
        ({"images": [image(1, width=0), image(2)]}, "not in COCO's format"),
        ({"images": [image(1, height=10**9), image(2)]}, "not in COCO's format"),
        ({"images": {}}, "not in COCO's format"),
    ],
)
def test_entries_that_contradict_each_other(root, changed, says):
    assert says in refusal(root, annotations(**changed)).what


@pytest.mark.parametrize(
    "name",
    ["../annotations/instances_train2017.json", "/etc/passwd", "..", "", "a/../1.png", "..\\1.png"],
)
def test_names_cannot_leave_the_folder(root, name):
    error = refusal(root, annotations(images=[image(1), image(2, file_name=name)]))
    assert "has the file name" in error.what


def test_long_names_take_their_own_memory(root):
    """And not as much for each of the others."""
    images = [image(number, file_name=f"{number}.png") for number in range(10, 2010)]
    tracemalloc.start()
    refusal(root, annotations(images=[*images, image(1, file_name="x" * 10_000)]))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 20e6


def test_how_many_there_are_is_told(root):
    boxes = [annotation(number, 2, [1, 2, -3, 4]) for number in range(7)]
    error = refusal(root, annotations(annotations=boxes))
    assert "annotation 0 of" in error.what
    assert "6 more" in error.why
    assert "topformer data check" in error.next_step


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b'{"images": [', b"NaN", b'{"x":' + b"[" * 10**6],
)
def test_what_is_no_annotation_file(root, content):
    error = refusal(root, content)
    assert "instances_train2017.json" in error.what
    assert error.why


def test_sizes_are_bounded_before_they_take_memory(root, monkeypatch):
    monkeypatch.setattr(documents, "MOST_OBJECTS", 5)
    assert "holds too much" in refusal(root, annotations()).what
    monkeypatch.setattr(documents, "LARGEST_FILE_BYTES", 100)
    assert "too large" in refusal(root, annotations()).what


def test_polygons_are_not_kept(root):
    """A hundred times the text takes no more memory than the text itself."""
    entry = annotation(1, 2, [1, 2, 3, 4], segmentation=[[0.5] * 1000] * 20)
    path = write_split(root, annotations(annotations=[entry])) / "annotations"
    found = documents.read_annotation_file(path / "instances_train2017.json")
    assert len(msgspec.json.encode(found.annotations)) < 200


def test_pictures_of_another_size(root):
    picture = read_split(root, "train")[0]
    assert open_boxed(picture).shape == (64, 96, 3)
    Image.new("RGB", (64, 96)).save(picture.path)
    with pytest.raises(TopformerError, match="another size") as error:
        open_boxed(picture)
    assert "64x96" in error.value.why
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (96, 64)).save(picture.path, exif=exif)
    with pytest.raises(TopformerError, match="another size") as error:
        open_boxed(picture)
    assert "EXIF orientation 6" in error.value.why


def test_splits_of_other_categories(root):
    write_split(
        root, annotations(categories=[{"id": 7, "name": "cat"}], annotations=[]), split="val"
    )
    with pytest.raises(TopformerError, match="different categories"):
        require_same_classes(read_split(root, "train"), read_split(root, "val"))
    require_same_classes(read_split(root, "train"), read_split(root, "train"))


def test_coco_itself_has_its_own_categories(root):
    assert len(open_box_dataset("coco-folder", root).split("train")) == 3
    with pytest.raises(TopformerError, match="80 categories of COCO"):
        open_box_dataset("coco", root).split("train")
    names = dataset_classes("coco").names
    official = [
        {"id": number, "name": name} for number, name in zip(COCO_CATEGORY_IDS, names, strict=True)
    ]
    assert (official[0]["id"], official[79]) == (1, {"id": 90, "name": "toothbrush"})
    write_split(root, annotations(categories=official, annotations=[]))
    assert open_box_dataset("coco", root).split("train").classes.dataset == "COCO"


def test_keys_are_of_one_task(root):
    for opening, key, says in (
        (open_dataset, "coco", "holds boxes"),
        (open_box_dataset, "camvid", "holds labels of pixels"),
        (open_box_dataset, "nothing", "no data set called"),
    ):
        with pytest.raises(UsageError, match=says):
            opening(key, root)
