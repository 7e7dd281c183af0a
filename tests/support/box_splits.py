"""Splits and boxes written down by hand."""

from pathlib import Path

import numpy as np

from topformer.boxes import Boxes
from topformer.classes import numbered_classes
from topformer.data.coco import BoxedSplit


def boxes(*found) -> Boxes:
    """Return boxes of (score, class id, left, top, right, bottom), the likeliest first.

    Equal scores keep their order, as COCO has it.
    """
    rows = np.array(sorted(found, key=lambda one: -one[0]), np.float64).reshape(-1, 6)
    return Boxes(
        corners=rows[:, 2:].astype(np.float32),
        scores=rows[:, 0].astype(np.float32),
        labels=rows[:, 1].astype(np.int32),
    )


def split_of(truth, *, classes: int, crowd=None) -> BoxedSplit:
    """Return a split of pictures that do not exist, of (class id, left, top, right, bottom)."""
    rows = np.array([one for ones in truth for one in ones], np.float64).reshape(-1, 5)
    sides = rows[:, 3:] - rows[:, 1:3]
    return BoxedSplit(
        name="val",
        classes=numbered_classes(classes),
        category_ids=tuple(range(1, classes + 1)),
        folder=Path("nowhere"),
        file_names=tuple(f"{number}.jpg" for number in range(len(truth))),
        picture_ids=np.arange(1, len(truth) + 1),
        sizes=np.full((len(truth), 2), 640, np.int32),
        starts=np.cumsum([0, *map(len, truth)]),
        corners=rows[:, 1:].astype(np.float32),
        labels=rows[:, 0].astype(np.int32),
        crowd=np.zeros(len(rows), bool) if crowd is None else np.array(crowd),
        areas=sides[:, 0] * sides[:, 1],
        annotation_ids=np.arange(len(rows)),
    )
