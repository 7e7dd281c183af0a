"""Boxes follow their picture through scale, crop and flip, and depend on the generator alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topformer.data.box_transforms import augment_boxes, crop_boxes, flip_boxes, scale_boxes
from topformer.data.transforms import Augmentation

PLAIN = Augmentation(
    scale=(1333, 800),
    ratio_range=(1.0, 1.0),
    crop=(1344, 1344),
    cat_max_ratio=0.75,
    flip_probability=0.0,
    photometric=False,
)


def painted(boxes, height=60, width=100):
    """A black picture in which each box is filled with its class's grey."""
    picture = torch.zeros(3, height, width, dtype=torch.uint8)
    for left, top, right, bottom, label in boxes:
        picture[:, int(top) : int(bottom), int(left) : int(right)] = 100 + int(label)
    return picture


def settings(**changes):
    from dataclasses import replace

    return replace(PLAIN, **changes)


def test_as_published_a_picture_keeps_its_shape_and_is_filled_up():
    boxes = torch.tensor([[10.0, 20, 40, 50, 1]])
    picture, found = augment_boxes(painted(boxes), boxes, PLAIN, np.random.default_rng(0))
    # 60x100 to 800x1333, then to multiples of 32.
    assert picture.shape == (3, 800, 1344)
    assert (picture[:, :, 1333:] == 0).all()
    torch.testing.assert_close(found, torch.tensor([[133.3, 800 / 3, 533.2, 2000 / 3, 1]]))


def test_stretched_samples_are_of_the_crops_size():
    boxes = torch.tensor([[10.0, 20, 40, 50, 1]])
    fixed = settings(stretch=1.0, crop=(64, 128))
    picture, found = augment_boxes(painted(boxes), boxes, fixed, np.random.default_rng(0))
    assert picture.shape == (3, 64, 128)
    torch.testing.assert_close(found, torch.tensor([[12.8, 21.3333, 51.2, 53.3333, 1]]))


def test_a_sample_is_a_function_of_its_generator():
    boxes = torch.tensor([[10.0, 20, 40, 50, 1], [60, 5, 90, 30, 2]])
    drawn = settings(
        stretch=0.5, ratio_range=(0.5, 1.5), crop=(96, 96), flip_probability=0.5, photometric=True
    )
    one, same, other = (
        augment_boxes(painted(boxes), boxes, drawn, np.random.default_rng(seed))
        for seed in (3, 3, 4)
    )
    assert torch.equal(one[0], same[0])
    assert torch.equal(one[1], same[1])
    assert one[0].shape != other[0].shape or not torch.equal(one[0], other[0])


@given(seed=st.integers(0, 2**32), crop=st.tuples(st.integers(1, 80), st.integers(1, 120)))
def test_after_crop_and_flip_a_box_is_still_where_its_object_is(seed, crop):
    boxes = torch.tensor([[10.0, 20, 40, 50, 1], [60, 5, 90, 30, 2]])
    before = boxes.clone()
    picture, found = crop_boxes(painted(boxes), boxes, crop, np.random.default_rng(seed))
    assert torch.equal(boxes, before)
    assert picture.shape[1:] == (min(60, crop[0]), min(100, crop[1]))
    for turned, own in ((picture, found), flip_boxes(picture, found)):
        for left, top, right, bottom, label in own.int().tolist():
            inside = turned[0] == 100 + label
            rows, columns = inside.any(1).nonzero()[:, 0], inside.any(0).nonzero()[:, 0]
            assert (left, right) == (int(columns[0]), int(columns[-1]) + 1)
            assert (top, bottom) == (int(rows[0]), int(rows[-1]) + 1)
    for label, area in ((1, 900), (2, 750)):
        seen = int((picture[0] == 100 + label).sum())
        assert (label in found[:, 4]) == (seen >= area / 4)


def test_a_box_of_less_than_a_pixel_is_not_learnt_from():
    boxes = scale_boxes(torch.tensor([[10.0, 20, 40, 23, 1], [10, 20, 40, 24, 2]]), 1.0, 0.25)
    _, found = crop_boxes(painted([]), boxes, (60, 100), np.random.default_rng(0))
    assert found[:, 4].tolist() == [2.0]


@pytest.mark.parametrize("size", [(30, 200), (3, 900)])
def test_no_sample_is_too_small_for_a_network(size):
    picture = torch.zeros(3, *size, dtype=torch.uint8)
    small = settings(scale=(100, 64))
    made, boxes = augment_boxes(picture, torch.zeros(0, 5), small, np.random.default_rng(0))
    assert made.shape == (3, 64, 128)
    assert boxes.shape == (0, 5)
