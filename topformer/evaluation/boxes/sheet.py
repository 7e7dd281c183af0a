"""A sheet of pictures: each with the boxes it has and, where they were looked for, those found."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topformer.box_drawing import Frame, boxes_image, class_name, frames_image
from topformer.data.coco import BoxedPicture
from topformer.evaluation.boxes.average_precision import PictureBoxes
from topformer.evaluation.panels import PanelPicture, draw_panels, panel_size
from topformer.figures import Caption, shorten
from topformer.manifest import Classes

HEADINGS = ("boxes", "found: as many of the likeliest as there are boxes")
NAME_CHARACTERS = 20


@dataclass(frozen=True, kw_only=True)
class ShownBoxes:
    """A picture RGB [h, w, 3] with its boxes and, if it was looked at, what was found in it."""

    picture: BoxedPicture
    pixels: NDArray[np.uint8]
    found: PictureBoxes | None = None


def draw_box_sheet(shown: Sequence[ShownBoxes], classes: Classes, caption: Caption) -> bytes:
    """Draw pictures in two columns, in their order along the rows; returns a PNG."""
    return draw_panels([_panels(one, classes) for one in shown], HEADINGS, caption)


def _panels(one: ShownBoxes, classes: Classes) -> PanelPicture:
    height, width = panel_size(one.picture.height, one.picture.width)
    small = Image.fromarray(one.pixels).resize((width, height), Image.Resampling.LANCZOS)
    pixels, factor = np.asarray(small), width / one.picture.width
    panels = [np.asarray(frames_image(pixels, _truth(one.picture, classes, factor)))]
    counts = Counter[int](one.picture.labels[~one.picture.crowd].tolist())
    note = "1 box" if counts.total() == 1 else f"{counts.total():,} boxes"
    if one.found is not None:
        likeliest = one.found.found[: max(1, counts.total())]
        panels.append(np.asarray(boxes_image(pixels, likeliest.scaled(factor, factor), classes)))
        if not math.isnan(one.found.ap50):
            note = f"AP50 {one.found.ap50:.3f}, {note}"
    legend = [
        (
            classes.palette[label],
            f"{shorten(class_name(classes, label), NAME_CHARACTERS)} {number:,}",
        )
        for label, number in counts.most_common()
    ]
    return PanelPicture(name=one.picture.path.name, note=note, panels=panels, legend=legend)


def _truth(picture: BoxedPicture, classes: Classes, factor: float) -> list[Frame]:
    """Frames of what is there, the smallest on top."""
    order: list[int] = np.argsort(picture.areas, kind="stable").tolist()
    return [
        Frame(
            corners=tuple((picture.corners[number] * factor).tolist()),
            colour=classes.palette[int(picture.labels[number])],
            text=class_name(classes, int(picture.labels[number]))
            + (" (crowd)" if picture.crowd[number] else ""),
        )
        for number in order
    ]
