"""Results as a report compares and shows them."""

import numpy as np
import pytest
from PIL import Image

from support.box_splits import boxes
from topformer.classes import numbered_classes
from topformer.verbs.report.looks import DIFFERING_COLOUR, LOOKS, Small

SMALL = Small(image=Image.fromarray(np.full((60, 80, 3), 90, np.uint8)), scale=0.5)


@pytest.fixture
def look():
    return LOOKS["object-detection"](numbered_classes(3))


def test_boxes_are_written_whole_and_read_from_a_score_on(look, tmp_path):
    found = boxes((0.9, 1, 10, 20, 30, 40), (0.29, 2, 0, 0, 5, 5))
    path = tmp_path / "boxes.json"
    path.write_bytes(look.encode(found))
    assert path.read_bytes().count(b"score") == 2
    read = look.read(path)
    assert read.corners.tolist() == [[10, 20, 30, 40]]
    assert (read.scores.tolist(), read.labels.tolist()) == ([pytest.approx(0.9)], [1])


def test_no_box_is_read_as_none(look, tmp_path):
    path = tmp_path / "boxes.json"
    path.write_bytes(look.encode(boxes()))
    assert look.read(path).corners.shape == (0, 4)


def test_the_share_that_is_equal_counts_boxes_of_both_sides(look):
    one, other = (0.9, 1, 10, 20, 30, 40), (0.8, 2, 50, 50, 70, 90)
    assert look.equal(boxes(), boxes()) == 1.0
    assert look.equal(boxes(one), boxes()) == 0.0
    assert look.equal(boxes(one, other), boxes(one)) == pytest.approx(2 / 3)
    # Another class, and a place with an IoU of 0.6, are not the same.
    assert look.equal(boxes(one), boxes((0.9, 2, 10, 20, 30, 40))) == 0.0
    assert look.equal(boxes(one), boxes((0.9, 1, 15, 20, 35, 40))) == 0.0


def test_the_share_that_is_right_is_that_of_the_truth(look):
    truth = boxes((1, 1, 10, 20, 30, 40), (1, 2, 50, 50, 70, 90))
    assert look.right(boxes((0.4, 1, 12, 20, 32, 40)), truth) == 0.5
    assert look.right(boxes((0.4, 1, 12, 20, 32, 40)), boxes()) is None


def test_only_what_differs_is_framed_in_the_reduced_picture(look):
    same, lost = (0.9, 1, 10, 20, 30, 40), (0.8, 2, 80, 60, 120, 100)
    shown = np.asarray(look.differing(SMALL, boxes(same, lost), boxes(same)))
    rows, columns = np.nonzero((shown == DIFFERING_COLOUR).all(2))
    assert (columns.min(), rows.min()) == (40, 30)
    assert (columns.max(), rows.max()) == (59, 49)


def test_the_truth_has_names_and_no_scores(look):
    truth = boxes((1, 1, 20, 40, 120, 100))
    painted, told = look.painted(SMALL, truth), look.painted_truth(SMALL, truth)
    assert painted.size == told.size == (80, 60)
    assert np.any(np.asarray(painted) != np.asarray(told))


def test_the_legend_tells_the_classes_of_both(look):
    found = look.legend(boxes((0.9, 1, 0, 0, 9, 9)), boxes((1, 2, 0, 0, 9, 9), (1, 2, 0, 0, 8, 8)))
    assert [one.id for one in found] == [2, 1]
    assert look.legend(boxes(), None) == []
