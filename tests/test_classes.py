import pytest

from topformer.classes import (
    DATASETS,
    assumed_classes,
    dataset_classes,
    named_classes,
    spread_palette,
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
    ],
)
def test_the_names_of_each_data_set_are_complete(key, count, first, last):
    classes = dataset_classes(key)
    assert len(classes.names) == len(classes.palette) == count
    assert (classes.names[0], classes.names[-1]) == (first, last)
    assert all(name == name.strip() and name for name in classes.names)
    assert len(set(classes.names)) == count


def test_every_data_set_is_covered_above():
    assert len(DATASETS) == 7


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


def test_a_bare_count_is_matched_and_says_that_it_is_a_guess():
    classes = assumed_classes(150)
    assert classes.names == dataset_classes("ade20k").names
    assert "assumed" in classes.dataset


def test_a_count_no_data_set_has_gets_numbers():
    classes = assumed_classes(4)
    assert classes.names == ("class 0", "class 1", "class 2", "class 3")
    assert len(classes.palette) == 4


def test_the_spread_palette_is_the_voc_colour_map():
    assert spread_palette(21) == dataset_classes("pascal-voc").palette


def test_the_spread_palette_repeats_no_colour():
    assert len(set(spread_palette(5000))) == 5000
