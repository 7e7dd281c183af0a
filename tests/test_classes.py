from itertools import pairwise

import pytest

from topformer.classes import (
    DATASETS,
    are_numbered,
    check_count,
    dataset_classes,
    datasets_with,
    named_classes,
    numbered_classes,
    read_classes,
    spread_palette,
    vivid_palette,
)
from topformer.errors import TopformerError, UsageError


@pytest.mark.parametrize(
    ("key", "count", "first", "last"),
    [
        ("ade20k", 150, "wall", "flag"),
        ("coco-stuff-171", 171, "person", "wood"),
        ("pascal-context-59", 59, "aeroplane", "wood"),
        ("pascal-context-60", 60, "background", "wood"),
        ("cityscapes", 19, "road", "bicycle"),
        ("pascal-voc", 21, "background", "tvmonitor"),
        ("camvid", 11, "sky", "bicyclist"),
        ("coco", 80, "person", "toothbrush"),
    ],
)
def test_the_names_of_each_data_set_are_complete(key, count, first, last):
    classes = dataset_classes(key)
    assert len(classes.names) == len(classes.palette) == count
    assert (classes.names[0], classes.names[-1]) == (first, last)
    assert all(name == name.strip() and name for name in classes.names)
    assert len(set(classes.names)) == count


def test_every_data_set_is_covered_above():
    assert len(DATASETS) == 8


def test_ade20k_bed_has_no_trailing_space():
    assert dataset_classes("ade20k").names[7] == "bed"


def test_an_unknown_data_set_is_a_usage_error():
    with pytest.raises(UsageError, match=r"'\.\./secrets'"):
        dataset_classes("../secrets")


def test_known_names_bring_their_data_set_and_colours():
    # As mmseg writes them: a tuple, with the space in "bed ".
    known = dataset_classes("ade20k")
    names = tuple("bed " if name == "bed" else name for name in known.names)
    assert named_classes(names) == known


def test_a_palette_of_the_files_own_wins():
    classes = named_classes(["sky", "road"], [[1, 2, 3], [4, 5, 6]])
    assert classes.palette == ((1, 2, 3), (4, 5, 6))
    assert classes.dataset == "not stated"


@pytest.mark.parametrize(
    ("names", "palette"),
    [
        (["sky", 7], None),
        (["sky"], [[0, 0, 0], [1, 1, 1]]),
        (["sky"], [[0, 0, 256]]),
        (["sky"], [[0, 0]]),
        (["sky"], "grey"),
        (["x" * 2000], None),
    ],
)
def test_malformed_names_and_colours_are_refused(names, palette):
    with pytest.raises(TopformerError, match="malformed"):
        named_classes(names, palette)


@pytest.mark.parametrize("count", [1, 4, 11, 19, 150])
def test_classes_nobody_named_get_numbers_whatever_data_set_has_as_many(count):
    classes = numbered_classes(count)
    assert classes.names == tuple(f"class {number}" for number in range(count))
    assert len(set(classes.palette)) == count
    assert are_numbered(classes)
    assert not are_numbered(named_classes(classes.names))


def test_the_data_sets_of_a_count_are_told_not_chosen():
    assert datasets_with(11) == ("camvid",)
    assert datasets_with(4) == ()


NAMES = ("sky", "tall building", "Straße")


@pytest.mark.parametrize(
    ("text", "palette"),
    [
        ("sky\ntall building\nStraße\n", None),
        ("sky\r\n  tall building \r\n\r\nStraße", None),
        ("\ufeffsky\ntall building\nStraße", None),
        ('{"classes": ["sky", "tall building", "Straße"], "ignore_label": 255}', None),
        ('\ufeff {"classes": ["sky", "tall building", "Straße"], "palette": null}', None),
        (
            '{"classes": ["sky", "tall building", "Straße"], "palette": [[1,2,3],[4,5,6],[0,0,0]]}',
            ((1, 2, 3), (4, 5, 6), (0, 0, 0)),
        ),
        ('["sky", "tall building", "Straße"]', None),
    ],
)
def test_names_are_read_from_files_of_people(tmp_path, text, palette):
    path = tmp_path / "names"
    path.write_bytes(text.encode())
    classes = read_classes(str(path))
    assert classes.names == NAMES
    assert classes.palette == (palette or spread_palette(3))


def test_a_data_set_may_be_named_in_place_of_a_file():
    assert read_classes("camvid") == dataset_classes("camvid")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"{",
        b'{"classes": 3}',
        b'{"names": ["sky"]}',
        b'{"classes": ["sky"], "palette": [[0, 0, 256]]}',
        b'{"classes": ["sky"], "palette": []}',
        b"[" * 5000,
        b"a\n" * 70_000,
        b"x" * 2000,
    ],
)
def test_files_that_name_no_classes_are_wrong_usage(tmp_path, data):
    path = tmp_path / "names.txt"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read_classes(str(path))
    assert "does not name classes" in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize("data", ["sky\nroad".encode("utf-16"), b"stra\xdfe"])
def test_files_of_names_in_other_encodings_are_told_so(tmp_path, data):
    path = tmp_path / "names.txt"
    path.write_bytes(data)
    with pytest.raises(TopformerError, match="is not UTF-8"):
        read_classes(str(path))


def test_a_file_of_names_that_is_not_there_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        read_classes(str(tmp_path / "none.txt"))


def test_names_must_be_as_many_as_classes():
    classes = dataset_classes("camvid")
    assert check_count(classes, 11, "w.pth") is classes
    with pytest.raises(UsageError, match=r"11 class names were given, and w\.pth has 3"):
        check_count(classes, 3, "w.pth")


def test_the_spread_palette_is_the_voc_colour_map():
    assert spread_palette(21) == dataset_classes("pascal-voc").palette


def test_the_spread_palette_repeats_no_colour():
    assert len(set(spread_palette(5000))) == 5000


def test_colours_of_frames_are_bright_and_those_of_neighbours_differ():
    colours = vivid_palette(80)
    assert dataset_classes("coco").palette == colours
    assert len(set(colours)) == 80
    assert all(max(colour) >= 200 for colour in colours)
    for one, other in pairwise(colours):
        assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 100
