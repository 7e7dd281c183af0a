"""Scores against a count that is slow and obvious."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from topformer.data import IGNORED
from topformer.evaluation.confusion import count, empty_counts, scores_of


def naive(truth, predicted, classes):
    """IoU and accuracy by class, and pixel accuracy; None where there is nothing to divide by."""
    pairs = [
        (right, found)
        for right, found in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True)
        if right != 255
    ]
    iou, accuracy = [], []
    for number in range(classes):
        both = sum(right == number and found == number for right, found in pairs)
        either = sum(number in (right, found) for right, found in pairs)
        present = sum(right == number for right, _ in pairs)
        iou.append(both / either if either else None)
        accuracy.append(both / present if present else None)
    hits = sum(right == found for right, found in pairs)
    return iou, accuracy, hits / len(pairs) if pairs else None


def mean(values):
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def same(ours, expected):
    return math.isnan(ours) if expected is None else ours == pytest.approx(expected, abs=1e-12)


@st.composite
def label_maps(draw):
    classes = draw(st.integers(1, 6))
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=7))
    ids = st.integers(0, classes - 1)
    truth = draw(hnp.arrays(np.uint8, shape, elements=ids | st.just(IGNORED)))
    predicted = draw(hnp.arrays(np.uint8, shape, elements=ids))
    return truth, predicted, classes


@given(label_maps())
def test_scores_are_those_of_a_naive_count(maps):
    truth, predicted, classes = maps
    scores = scores_of(count(truth, predicted, classes))
    iou, accuracy, pixels = naive(truth, predicted, classes)
    assert all(map(same, scores.iou, iou))
    assert all(map(same, scores.accuracy, accuracy))
    assert same(scores.miou, mean(iou))
    assert same(scores.mean_accuracy, mean(accuracy))
    assert same(scores.pixel_accuracy, pixels)


@given(label_maps(), st.randoms(use_true_random=False))
def test_what_is_predicted_where_nothing_counts_changes_nothing(maps, random):
    truth, predicted, classes = maps
    other = predicted.copy()
    other[truth == IGNORED] = random.randrange(classes)
    np.testing.assert_array_equal(count(truth, predicted, classes), count(truth, other, classes))


@given(label_maps())
def test_counts_of_parts_add_up(maps):
    truth, predicted, classes = maps
    parts = empty_counts(classes)
    for row in range(len(truth)):
        parts += count(truth[row], predicted[row], classes)
    np.testing.assert_array_equal(parts, count(truth, predicted, classes))


def test_by_hand():
    truth = np.array([[0, 0, 0, 1], [1, 255, 255, 0]], np.uint8)
    predicted = np.array([[0, 0, 1, 1], [2, 2, 0, 0]], np.int64)
    counts = count(truth, predicted, 4)
    np.testing.assert_array_equal(counts, [[3, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    scores = scores_of(counts)
    # Class 2 was found but is not there: its IoU of 0 counts, its accuracy does not exist.
    np.testing.assert_allclose(scores.iou, [3 / 4, 1 / 3, 0, np.nan])
    np.testing.assert_allclose(scores.accuracy, [3 / 4, 1 / 2, np.nan, np.nan])
    assert scores.miou == pytest.approx((3 / 4 + 1 / 3 + 0) / 3)
    assert scores.mean_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert scores.pixel_accuracy == pytest.approx(4 / 6)


def test_nothing_at_all_has_no_score():
    for counts in (empty_counts(3), count(np.full((2, 2), IGNORED), np.zeros((2, 2), int), 3)):
        scores = scores_of(counts)
        values = (scores.miou, scores.mean_accuracy, scores.pixel_accuracy)
        assert all(map(math.isnan, values))
        assert np.isnan(scores.iou).all()
        assert np.isnan(scores.accuracy).all()


def test_large_counts_do_not_overflow():
    counts = np.full((2, 2), 2**40, np.int64)
    assert scores_of(counts).miou == pytest.approx(1 / 3)


def test_most_classes_fit():
    classes = 254
    labels = np.arange(classes, dtype=np.uint8)
    np.testing.assert_array_equal(count(labels, labels, classes), np.eye(classes, dtype=int))
