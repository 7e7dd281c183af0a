"""A split of files that can all be used may still not be what is meant, and that is said."""

import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from topformer.data import open_dataset
from topformer.data.check import check_split
from topformer.data.doubts import FILES_SHOWN, shared_files, shared_pictures

RNG = np.random.default_rng(0)


def make(root, labels, *, classes=("a", "b", "c"), split="train", orientation=1, **content):
    """A folder with one picture for each array of label values."""
    (root / "classes.json").write_text(json.dumps({"classes": classes, **content}))
    for kind in ("images", "annotations"):
        (root / kind / split).mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for number, values in enumerate(np.asarray(rows, np.uint8) for rows in labels):
        noise = RNG.integers(0, 256, (*values.shape, 3), np.uint8)
        Image.fromarray(noise).save(root / "images" / split / f"{number:02}.png", exif=exif)
        Image.fromarray(values).save(root / "annotations" / split / f"{number:02}.png")
    return open_dataset("folder", root)


def check(dataset, split="train"):
    return check_split(dataset.split(split), dataset.classes)


def doubts_of(dataset):
    report = check(dataset)
    assert report.problems == ()
    return {doubt.kind: doubt for doubt in report.doubts}


GOOD = [[0, 1], [2, 255], [1, 1]]


def test_of_a_good_split_nothing_is_doubted(tmp_path):
    assert doubts_of(make(tmp_path, [GOOD] * 3)) == {}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shape", [(4, 4), (4, 6)])
def test_pictures_turned_by_exif_over_labels_that_are_not(tmp_path, orientation, shape):
    labels = np.arange(shape[0] * shape[1]).reshape(shape) % 3
    dataset = make(tmp_path, [labels] * 2, orientation=orientation)
    report = check(dataset)
    turned = [doubt for doubt in report.doubts if doubt.kind == "exif-orientation"]
    if orientation >= 5 and shape == (4, 6):
        # The size tells that the labels were drawn on the stored pixels.
        assert report.problem_count == 2
        assert f"EXIF orientation {orientation}" in report.problems[0].why
        assert "stored pixels" in report.problems[0].why
        assert "exiftool" in report.problems[0].next_step
    elif orientation == 1:
        assert turned == []
    else:
        (doubt,) = turned
        assert (doubt.count, [file.name for file in doubt.files]) == (2, ["00.png", "01.png"])
        assert "EXIF" in doubt.what
        assert "exiftool" in doubt.next_step


def test_labels_that_were_drawn_on_the_turned_picture_fit_it(tmp_path):
    """Sideways pictures with upright labels are what most tools make: a doubt, no problem."""
    dataset = make(tmp_path, [np.arange(24).reshape(4, 6) % 3], orientation=6)
    path = tmp_path / "annotations" / "train" / "00.png"
    with Image.open(path) as image:
        image.transpose(Image.Transpose.ROTATE_270).save(path)
    report = check(dataset)
    assert report.problems == ()
    assert [doubt.kind for doubt in report.doubts] == ["exif-orientation"]


def test_labels_turned_by_their_own_exif_are_not_doubted(tmp_path):
    dataset = make(tmp_path, [np.arange(24).reshape(4, 6) % 3], orientation=6)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "annotations" / "train" / "00.png"
    with Image.open(path) as image:
        image.load()
        image.save(path, exif=exif)
    assert doubts_of(dataset) == {}


def test_labels_that_are_turned_alone_are_doubted_too(tmp_path):
    dataset = make(tmp_path, [np.arange(24).reshape(4, 6) % 3])
    exif = Image.Exif()
    exif[0x0112] = 3
    path = tmp_path / "annotations" / "train" / "00.png"
    with Image.open(path) as image:
        image.load()
        image.save(path, exif=exif)
    assert doubts_of(dataset).keys() == {"exif-orientation"}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_two_classes_drawn_in_black_and_white(tmp_path, share):
    values = np.where(np.arange(100).reshape(10, 10) < 100 * share, 255, 0)
    found = doubts_of(make(tmp_path, [values] * 7, classes=("background", "crack")))
    doubt = found["scaled-values"]
    assert (doubt.count, len(doubt.files)) == (7, FILES_SHOWN)
    assert "0 and 255" in doubt.what
    assert "255 is ignored" in doubt.why
    assert f"{700 * share:.0f} pixels, {share:.1%}" in doubt.why
    assert "crack" in found["unused-classes"].what
    assert ("mostly-ignored" in found) == (share > 0.4)


def test_black_and_white_files_among_files_of_ids_are_named(tmp_path):
    found = doubts_of(make(tmp_path, [[[0, 1, 2]], [[0, 255, 0]], [[1, 2, 0]]]))
    assert [file.name for file in found["scaled-values"].files] == ["01.png"]


def test_where_255_marks_what_is_ignored_it_is_not_doubted(tmp_path):
    dataset = make(tmp_path, [GOOD, [[0, 255, 0, 0]], GOOD])
    assert doubts_of(dataset) == {}


@pytest.mark.parametrize("count", [3, 4, 5, 9])
def test_ids_spread_over_black_to_white(tmp_path, count):
    values = np.linspace(0, 255, count).round().astype(np.uint8)[None]
    found = doubts_of(make(tmp_path, [values], classes=[f"c{n}" for n in range(250)]))
    assert "spread over black to white" in found["scaled-values"].why


def test_classes_that_never_occur_are_named(tmp_path):
    classes = [f"class {number}" for number in range(20)]
    doubt = doubts_of(make(tmp_path, [[[0, 1, 2, 3, 4, 5, 6]]], classes=classes))["unused-classes"]
    assert doubt.count == 13
    assert "13 of 20" in doubt.what
    assert "class 7, class 8" in doubt.what
    assert "and 3 more" in doubt.what


@pytest.mark.parametrize("classes", [["road"], ["road", "sky"]])
def test_a_single_class_is_nothing_to_learn(tmp_path, classes):
    found = doubts_of(make(tmp_path, [[[0, 0], [0, 255]]] * 2, classes=classes))
    assert "road" in found["one-class"].what
    assert ("unused-classes" in found) == (len(classes) == 2)


def test_labels_of_one_value_throughout_are_doubted_where_most_are(tmp_path):
    flat, drawn = np.zeros((3, 3)), GOOD
    (tmp_path / "most").mkdir()
    (tmp_path / "some").mkdir()
    doubt = doubts_of(make(tmp_path / "most", [flat, drawn, flat]))["constant-labels"]
    assert (doubt.count, [file.name for file in doubt.files]) == (2, ["00.png", "02.png"])
    assert doubts_of(make(tmp_path / "some", [flat, drawn, drawn, drawn])) == {}


def test_labels_without_a_pixel_that_counts_are_named(tmp_path):
    found = doubts_of(make(tmp_path, [np.full((3, 3), 255), *[GOOD] * 9]))
    assert found.keys() == {"empty-labels"}
    assert [file.name for file in found["empty-labels"].files] == ["00.png"]


def test_a_large_ignored_share_is_counted_with_its_values(tmp_path):
    labels = [[0, 1, 2, 7], [7, 7, 255, 7]]
    doubt = doubts_of(make(tmp_path, [labels, GOOD], ignore_label=7))["mostly-ignored"]
    assert "42.9%" in doubt.what
    assert (doubt.count, [file.name for file in doubt.files]) == (1, ["00.png"])
    assert "7, 255" in doubt.why


def test_grey_saved_as_colours_is_counted(tmp_path):
    dataset = make(tmp_path, [GOOD] * 3)
    path = tmp_path / "annotations" / "train" / "01.png"
    with Image.open(path) as image:
        image.convert("RGB").save(path)
    doubt = doubts_of(dataset)["grey-as-colours"]
    assert (doubt.count, doubt.files) == (1, (path,))


def test_labels_named_in_other_capitals_are_counted(tmp_path):
    dataset = make(tmp_path, [GOOD] * 3)
    folder = tmp_path / "annotations" / "train"
    for name in ("00.png", "02.png"):
        (folder / name).rename(folder / name.upper())
    doubt = doubts_of(dataset)["names-differ"]
    assert (doubt.count, [file.name for file in doubt.files]) == (2, ["00.PNG", "02.PNG"])


def test_pictures_of_train_in_val_are_counted(tmp_path):
    dataset = make(tmp_path, [GOOD] * 3)
    make(tmp_path, [GOOD] * 4, split="val")
    train, val = dataset.split("train"), dataset.split("val")
    assert shared_pictures("train", train, "val", val) is None
    for number in (1, 3):
        data = train.pairs[number - 1].picture.read_bytes()
        val.pairs[number].picture.write_bytes(data)
    # Of equal size, and another picture.
    val.pairs[0].picture.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    doubt = shared_pictures("train", train, "val", val)
    assert (doubt.count, [file.name for file in doubt.files]) == (2, ["01.png", "03.png"])
    assert "2 pictures are in train, too, of 4 in val" in doubt.what
    val.pairs[1].picture.unlink()
    assert shared_pictures("train", train, "val", val).count == 1
    assert shared_pictures("train", train, "test", train) is None


def test_what_is_no_picture_file_is_left_to_the_problems_of_its_split(tmp_path):
    pipe, empty = tmp_path / "pipe.png", tmp_path / "empty.png"
    os.mkfifo(pipe)
    empty.touch()
    assert shared_files("train", [pipe], "val", [empty]) is None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    files=st.lists(
        st.lists(st.sampled_from([0, 1, 2, 255]), min_size=1, max_size=6), min_size=1, max_size=5
    )
)
def test_counts_and_files_of_any_split_agree(tmp_path_factory, files):
    dataset = make(tmp_path_factory.mktemp("set"), [[values] for values in files])
    report = check(dataset)
    used = {value for values in files for value in values} - {255}
    kinds = {doubt.kind: doubt for doubt in report.doubts}
    assert ("unused-classes" in kinds) == (used not in ({0, 1, 2}, set()))
    assert ("one-class" in kinds) == (len(used) == 1)
    for doubt in report.doubts:
        assert len(doubt.files) == min(doubt.count, FILES_SHOWN) or not doubt.files
        assert all(file.is_file() for file in doubt.files)
        assert doubt.what.endswith(".")
        assert doubt.why
        assert doubt.next_step
