"""A sheet of pictures with boxes: those annotated on the left, those found on the right."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topformer.box_drawing import boxes_image
from topformer.boxes import Boxes
from topformer.data.coco import BoxedPicture, open_boxed
from topformer.evaluation.boxes import BoxFinder
from topformer.figures import FAINT, INK, Caption, captioned_figure, encode_png, shorten
from topformer.fonts import drawable
from topformer.manifest import Classes

# Below it, a box is not drawn.
SHOWN_SCORE = 0.3
HEADINGS = ("annotated", f"found, from a score of {SHOWN_SCORE} on")
_PANEL_PX, _DPI, _FONT_PT = 480, 100, 9.5
_IN_ROW = 2


def draw_box_sheet(
    pictures: Sequence[BoxedPicture], find: BoxFinder, classes: Classes, caption: Caption
) -> bytes:
    """Draw pictures, two in a row, each as annotated and with what is found; returns a PNG."""
    rows = -(-len(pictures) // _IN_ROW)
    panel_in = _PANEL_PX / _DPI
    figure = captioned_figure(
        caption, 2 * _IN_ROW * panel_in, rows * 0.85 * panel_in + 0.2, dpi=_DPI
    )
    grid = figure.subplots(rows, 2 * _IN_ROW, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, picture in enumerate(pictures):
        row, column = divmod(number, _IN_ROW)
        pair = grid[row, 2 * column : 2 * column + 2]
        for axes, pixels in zip(pair, _panels(picture, find, classes), strict=True):
            axes.set_anchor("NW")
            axes.imshow(pixels, interpolation="nearest")
        name = shorten(drawable(picture.path.name), 40)
        pair[0].set_title(name, loc="left", fontsize=_FONT_PT, color=INK, weight="bold")
        for axes, heading in zip(pair, HEADINGS, strict=True) if row == 0 else ():
            axes.set_title(heading, loc="right", fontsize=_FONT_PT, color=FAINT)
    return encode_png(figure, description=caption.text)


def _panels(
    picture: BoxedPicture, find: BoxFinder, classes: Classes
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    pixels = open_boxed(picture)
    found = find(pixels)
    annotated = Boxes(
        corners=picture.clipped(),
        scores=np.ones(len(picture), np.float32),
        labels=picture.labels,
    )
    chosen = (annotated[~picture.crowd], found[found.scores >= SHOWN_SCORE])
    # Drawn at the size at which they are seen, so that names can be read.
    factor = _PANEL_PX / max(pixels.shape[:2])
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    small = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    scale = np.float32(factor)
    left, right = (
        np.asarray(
            boxes_image(
                small,
                Boxes(corners=boxes.corners * scale, scores=boxes.scores, labels=boxes.labels),
                classes,
            )
        )
        for boxes in chosen
    )
    return left, right
