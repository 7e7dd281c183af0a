"""Boxes for the eye: a picture with frames in the classes' colours, names and scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

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
# Around frames, so that they are seen on their own colour, too.
_SHADE = (0, 0, 0, 110)
_BLACK, _WHITE = (0, 0, 0, 255), (255, 255, 255, 255)

Colour = tuple[int, int, int]
# (left, top, right, bottom) in whole pixels, the last ones within.
_Area = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A box to be drawn: (left, top, right, bottom) in pixels, a colour and words."""

    corners: tuple[float, ...]
    colour: Colour
    text: str


def boxes_image(
    picture: NDArray[np.uint8], boxes: Boxes, classes: Classes, *, note: str = ""
) -> Image.Image:
    """Draw boxes over an RGB `picture` [H, W, 3], at its own size, the likeliest on top.

    `note` is set in a strip at the bottom.
    """
    labels: list[int] = boxes.labels.tolist()
    frames = [
        Frame(
            corners=tuple(corners),
            colour=classes.palette[label],
            text=f"{class_name(classes, label)} {score:.2f}",
        )
        for corners, label, score in zip(
            boxes.corners.tolist(), labels, boxes.scores.tolist(), strict=True
        )
    ]
    return frames_image(picture, frames, note=note)


def class_name(classes: Classes, label: int) -> str:
    """Name of a class in one line, as pictures show it."""
    return drawable(" ".join(classes.names[label].split()), otherwise=f"class {label}")


def frames_image(
    picture: NDArray[np.uint8], frames: Sequence[Frame], *, note: str = ""
) -> Image.Image:
    """Draw frames over an RGB `picture` [H, W, 3], the first on top.

    Words stand above a frame, in it or below it; those for which there is no room without hiding
    words of an earlier frame are left out.
    """
    image = Image.fromarray(picture).copy()
    draw = ImageDraw.Draw(image, "RGBA")
    font_px = round(min(max(min(image.size) / 32, SMALLEST_FONT_PX), LARGEST_FONT_PX))
    line_px = max(2, round(min(image.size) / 220))
    areas = [_area(frame, image.size) for frame in frames]
    for frame, area in reversed(list(zip(frames, areas, strict=True))):
        left, top, right, bottom = area
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_SHADE)
        draw.rectangle(area, outline=(*frame.colour, 255), width=line_px)
    taken: list[_Area] = []
    for frame, area in zip(frames, areas, strict=True):
        if not frame.text:
            continue
        font = label_font(font_px, frame.text)
        text = shorten(frame.text, image.width - font_px, font)
        place = _free_place(area, text, font, image.size, taken)
        if place is not None:
            taken.append(place)
            _write(draw, place, text, font, frame.colour)
    if note:
        draw_note(image, note, label_font(font_px))
    return image


def _area(frame: Frame, size: tuple[int, int]) -> _Area:
    """Whole pixels of a frame, at least one, within a picture of (width, height)."""
    left, top, right, bottom = (round(side) for side in frame.corners)
    left, top = min(max(left, 0), size[0] - 1), min(max(top, 0), size[1] - 1)
    return left, top, max(min(right, size[0]) - 1, left), max(min(bottom, size[1]) - 1, top)


def _free_place(
    area: _Area,
    text: str,
    font: ImageFont.FreeTypeFont,
    size: tuple[int, int],
    taken: Sequence[_Area],
) -> _Area | None:
    """Find a place for words in the picture that hides none of those that are taken."""
    width, height = round(font.getlength(text) + font.size * 0.6), round(font.size * 1.3)
    left, top, _, bottom = area
    left = max(0, min(left, size[0] - width))
    roomy = bottom - top > 3 * height
    edges = (top, bottom + 1) if roomy else (bottom + 1, top)
    for edge in (top - height, *edges):
        place = (left, edge, left + width - 1, edge + height - 1)
        inside = edge >= 0 and edge + height <= size[1]
        if inside and not any(_overlap(place, other) for other in taken):
            return place
    return None


def _overlap(one: _Area, other: _Area) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _write(
    draw: ImageDraw.ImageDraw,
    place: _Area,
    text: str,
    font: ImageFont.FreeTypeFont,
    colour: Colour,
) -> None:
    left, top, _, bottom = place
    draw.rectangle(place, fill=(*colour, 255))
    light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > _LIGHT_GREY
    middle = (left + font.size * 0.3, (top + bottom) / 2)
    draw.text(middle, text, _BLACK if light else _WHITE, font, anchor="lm")
