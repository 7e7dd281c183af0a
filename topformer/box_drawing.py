"""Boxes for the eye: a picture with frames in the classes' colours, names and scores."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from topformer.boxes import Boxes
from topformer.drawing import (
    LARGEST_FONT_PX,
    SMALLEST_FONT_PX,
    draw_note,
    label_font,
    shorten,
)
from topformer.fonts import drawable
from topformer.manifest import Classes

# Light text is read on colours darker than this, of 255.
_LIGHT_GREY = 140


def boxes_image(
    picture: NDArray[np.uint8], boxes: Boxes, classes: Classes, *, note: str = ""
) -> Image.Image:
    """Draw boxes over an RGB `picture` [H, W, 3], at its own size, the likeliest on top.

    `note` is set in a strip at the bottom.
    """
    image = Image.fromarray(picture).copy()
    draw = ImageDraw.Draw(image)
    font_px = round(min(max(min(image.size) / 30, SMALLEST_FONT_PX), LARGEST_FONT_PX))
    line_px = max(1, round(min(image.size) / 200))
    for position in reversed(range(len(boxes))):
        label = int(boxes.labels[position])
        colour = classes.palette[label]
        left, top, right, bottom = (round(float(side)) for side in boxes.corners[position])
        right, bottom = max(right - 1, left), max(bottom - 1, top)
        draw.rectangle((left, top, right, bottom), outline=colour, width=line_px)
        name = drawable(" ".join(classes.names[label].split()), otherwise=f"class {label}")
        text = f"{name} {boxes.scores[position]:.2f}"
        font = label_font(font_px, text)
        text = shorten(text, image.width, font)
        width, height = font.getlength(text) + font_px * 0.6, font_px * 1.3
        # Above the box; inside it where the picture ends there.
        edge = top - height if top >= height else top
        start = max(0, min(left, image.width - width))
        draw.rectangle((start, edge, start + width, edge + height), fill=colour)
        light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > _LIGHT_GREY
        middle = (start + font_px * 0.3, edge + height / 2)
        draw.text(middle, text, (0, 0, 0) if light else (255, 255, 255), font, anchor="lm")
    if note:
        draw_note(image, note, label_font(font_px))
    return image
