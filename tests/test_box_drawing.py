"""Frames and their words: where they lie, and which are left out."""

import numpy as np
import pytest
from PIL import Image

from support.box_splits import boxes
from topformer.box_drawing import Frame, boxes_image, frames_image
from topformer.classes import numbered_classes
from topformer.manifest import Classes

GREY = np.full((120, 200, 3), 128, np.uint8)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def frame(corners, colour=RED, text="cat 0.50") -> Frame:
    return Frame(corners=corners, colour=colour, text=text)


def changed(image: Image.Image) -> np.ndarray:
    return (np.asarray(image) != 128).any(2)


def test_a_frame_lies_on_its_edges_and_leaves_the_inside():
    image = np.asarray(frames_image(GREY, [frame((40.2, 50.4, 160.0, 110.0))]))
    assert tuple(image[80, 40]) == tuple(image[80, 159]) == RED
    assert tuple(image[50, 100]) == tuple(image[109, 100]) == RED
    assert (image[60:100, 50:150] == 128).all()
    # Words stand above, on the class's colour.
    assert tuple(image[45, 41]) == RED


@pytest.mark.parametrize(
    "corners",
    [
        (-50, -50, 500, 500),
        (0, 0, 0, 0),
        (199.9, 119.9, 200, 120),
        (300, 300, 400, 400),
        (100, 100, 50, 50),
    ],
)
def test_any_corners_can_be_drawn(corners):
    assert changed(frames_image(GREY, [frame(corners)])).any()


def test_the_first_frame_is_on_top_and_keeps_its_words():
    below = frame((20, 40, 120, 100), BLUE)
    image = np.asarray(frames_image(GREY, [frame((20, 40, 120, 100)), below]))
    assert tuple(image[70, 20]) == RED
    assert tuple(image[35, 21]) == RED
    # Those of the other go elsewhere.
    assert (image == BLUE).all(2).any()
    many = [frame((20, 40, 120, 100), BLUE)] * 30
    crowded = np.asarray(frames_image(GREY, [frame((20, 40, 120, 100)), *many]))
    assert tuple(crowded[35, 21]) == RED


def test_long_names_and_small_pictures():
    classes = Classes(dataset="x", names=("a very long name " * 40, "日本"), palette=(RED, BLUE))
    found = boxes((0.9, 0, 1, 1, 9, 9), (0.5, 1, 2, 2, 5, 5))
    for size in ((120, 200), (16, 16), (1, 1)):
        image = boxes_image(np.full((*size, 3), 128, np.uint8), found, classes)
        assert image.size == size[::-1]


def test_a_note_stands_at_the_bottom():
    image = boxes_image(GREY, boxes(), numbered_classes(2), note="random weights")
    assert changed(image)[-10:].any()
    assert not changed(image)[:60].any()
