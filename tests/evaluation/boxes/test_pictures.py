"""Pictures of the scores of boxes: what they say, and hard cases."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from support.box_maps import NO_BOXES
from support.box_splits import boxes, split_of
from topformer.evaluation.boxes import score_found
from topformer.evaluation.boxes.curves import draw_curves
from topformer.evaluation.boxes.sheet import ShownBoxes, draw_box_sheet
from topformer.figures import Caption

CAPTION = Caption(title="Set val: AP 0.5", notes=("protocol fixed: 64x64, stretched",))
ONE = (0, 100, 100, 400, 300)


def opened(png: bytes) -> Image.Image:
    image = Image.open(BytesIO(png))
    assert image.info["Description"] == CAPTION.text
    return image


def colours(image: Image.Image) -> set[tuple[int, ...]]:
    return set(
        map(tuple, np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0).tolist())
    )


@pytest.mark.parametrize("classes", [1, 2, 80])
def test_curves_of_any_number_of_classes(classes):
    truth = [[(number, *ONE[1:]) for number in range(classes)]]
    scores = score_found([boxes((0.9, *ONE))], split_of(truth, classes=classes)).scores
    image = opened(draw_curves(scores, [f"class {one}" for one in range(classes)], CAPTION))
    assert image.width > 1000
    assert (image.height > 1200) == (classes == 80)


def test_curves_of_nothing_to_find():
    scores = score_found([NO_BOXES], split_of([[]], classes=2)).scores
    opened(draw_curves(scores, ["a", "b"], CAPTION))


def test_a_sheet_shows_what_is_there_and_what_was_found():
    split = split_of([[ONE, (1, 10, 10, 60, 600)], []], classes=2, crowd=[False, True])
    done = score_found([boxes((0.9, *ONE), (0.8, 1, 10, 10, 60, 600)), NO_BOXES], split)
    pixels = np.full((640, 640, 3), 250, np.uint8)
    alone = [ShownBoxes(picture=split[0], pixels=pixels)]
    both = [ShownBoxes(picture=one.picture, pixels=pixels, found=one) for one in done.pictures]
    sheets = [opened(draw_box_sheet(shown, split.classes, CAPTION)) for shown in (alone, both)]
    first, second = split.classes.palette
    assert colours(sheets[0]) >= {first, second}
    assert sheets[1].width > 2 * sheets[0].width
    # As many as there are to be found, which the crowd is not: the second class stands at the left
    # of the first picture only.
    found = sheets[1].crop((sheets[1].width // 4, 0, sheets[1].width // 2, sheets[1].height))
    assert first in colours(found)
