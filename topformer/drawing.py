"""Labels for the eye: a picture under its classes with a legend, and label maps as PNG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL.PngImagePlugin import PngInfo

from topformer.errors import TopformerError
from topformer.fonts import drawable, font_file, undrawable
from topformer.manifest import Classes
from topformer.metrics import count_ids
from topformer.sets import atomic_set
from topformer.text import well_formed

CLASS_OPACITY = 0.5
# An 8-bit PNG has room for so many ids and colours.
PALETTE_CLASSES = 256

SMALLEST_FONT_PX = 9
LARGEST_FONT_PX = 64
# More lines than this hide the picture.
MOST_ROWS = 10
# Texts that would be cut to fewer characters are not drawn.
SHORTEST_TEXT = 6
# Below ids that stand for names in letters for which there is no font.
NO_FONT = "(no font for names)"
PANEL_COLOUR = (16, 18, 24, 205)
TEXT_COLOUR = (255, 255, 255, 255)
FAINT_COLOUR = (196, 200, 208, 255)
NOTE_COLOUR = (178, 34, 34, 235)


@dataclass(frozen=True, kw_only=True)
class FoundClass:
    """A class that occurs in a picture."""

    id: int
    name: str
    colour: tuple[int, int, int]
    # Of the picture's pixels, from 0 to 1.
    share: float


def found_classes(labels: NDArray[np.integer], classes: Classes) -> list[FoundClass]:
    """Count the classes in `labels` [H, W]: the largest share first, ties by id."""
    counts = count_ids(labels, len(classes.names))
    order: list[int] = np.argsort(-counts, kind="stable").tolist()
    return [
        FoundClass(
            id=number,
            name=classes.names[number],
            colour=classes.palette[number],
            share=float(counts[number] / labels.size),
        )
        for number in order
        if counts[number]
    ]


def percent(share: float) -> str:
    """Write a share of 0 to 1 as a percentage; what is there is never 0.0 %."""
    return "<0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


def label_image(labels: NDArray[np.integer], classes: Classes) -> Image.Image:
    """Picture whose values are the class ids [H, W], with the classes' colours as its palette.

    Beyond 256 classes there is no room for a palette, and the ids have 16 bits.
    """
    if len(classes.names) > PALETTE_CLASSES:
        return Image.fromarray(labels.astype(np.uint16))
    image = Image.fromarray(labels.astype(np.uint8))
    image.putpalette([value for colour in classes.palette for value in colour])
    return image


def overlay_image(
    picture: NDArray[np.uint8],
    labels: NDArray[np.integer],
    classes: Classes,
    *,
    note: str = "",
) -> Image.Image:
    """Draw the classes `labels` [H, W] over an RGB `picture` [H, W, 3], at its own size.

    The legend lies inside, with as many classes as fit, largest first; a picture too small for one
    has none. `note` is set in a strip at the bottom.
    """
    image = painted_image(picture, labels, classes)
    font_px = round(min(max(min(image.size) / 26, SMALLEST_FONT_PX), LARGEST_FONT_PX))
    font = label_font(font_px)
    note_height = draw_note(image, note, font) if note else 0
    _draw_legend(image, found_classes(labels, classes), font, image.height - note_height)
    return image


def painted_image(
    picture: NDArray[np.uint8], labels: NDArray[np.integer], classes: Classes
) -> Image.Image:
    """Lay the colours of `labels` [H, W] over an RGB `picture` [H, W, 3], without a word."""
    colours = np.array(classes.palette, np.uint8)[labels]
    image = Image.blend(Image.fromarray(picture), Image.fromarray(colours), CLASS_OPACITY)
    _draw_borders(image, labels)
    return image


def save_pngs(
    images: Mapping[Path, Image.Image], *, description: str, others: Mapping[Path, bytes] = {}
) -> None:
    """Write PNGs and other files that belong together, all or none.

    PNGs have a text chunk that says how they were made. Raises `TopformerError` when a folder or a
    file cannot be written.
    """
    text = PngInfo()
    text.add_itxt("Description", well_formed(description))
    text.add_text("Software", "topformer")
    try:
        with atomic_set(*images, *others) as temporaries:
            for temporary, image in zip(temporaries, images.values(), strict=False):
                image.save(temporary, format="PNG", pnginfo=text)
            for temporary, data in zip(temporaries[len(images) :], others.values(), strict=True):
                temporary.write_bytes(data)
    except OSError as error:
        raise TopformerError(
            f"{error.filename} cannot be written.", why=error.strerror or str(error)
        ) from error


def label_font(size_px: float, text: str = "") -> ImageFont.FreeTypeFont:
    """Pillow's own font, so that every machine draws the same; another where that lacks letters."""
    file = None if text.isascii() else font_file(text)
    if file is not None:
        return ImageFont.truetype(file, size_px)
    font = ImageFont.load_default(size=size_px)
    if isinstance(font, ImageFont.FreeTypeFont):
        return font
    raise TopformerError(
        "Pillow has no scalable font.",
        why="This build of it lacks FreeType.",
        next_step="Install Pillow from its official wheels.",
    )


def _draw_borders(image: Image.Image, labels: NDArray[np.integer]) -> None:
    """Trace a thin light line between classes."""
    border = np.zeros(labels.shape, np.uint8)
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    border[1:] |= labels[1:] != labels[:-1]
    mask = Image.fromarray(border * np.uint8(150))
    thickness_px = min(image.size) // 600 * 2 + 1
    if thickness_px > 1:
        mask = mask.filter(ImageFilter.MaxFilter(thickness_px))
    image.paste((255, 255, 255), mask=mask)


def draw_note(image: Image.Image, note: str, font: ImageFont.FreeTypeFont) -> int:
    """Draw a strip along the bottom and return its height; 0 where the note does not fit."""
    padding = round(font.size * 0.4)
    room = image.width - 2 * padding
    while font.getlength(note) > room and font.size > SMALLEST_FONT_PX:
        font = label_font(font.size - 1)
    note = shorten(note, room, font)
    height = round(font.size * 1.3) + padding
    if height > image.height / 4 or len(note) < SHORTEST_TEXT:
        return 0
    strip = Image.new("RGBA", (image.width, height), NOTE_COLOUR)
    middle = (image.width / 2, height / 2)
    ImageDraw.Draw(strip).text(middle, note, TEXT_COLOUR, font, anchor="mm")
    image.paste(strip, (0, image.height - height), strip)
    return height


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One line of the legend; the last one may stand for the classes that have no line."""

    colour: tuple[int, int, int] | None
    name: str
    share: str


def _legend_rows(found: Sequence[FoundClass], most_rows: int) -> list[_Row]:
    lacking = bool(undrawable(" ".join(one.name.split()) for one in found)) and most_rows > 2
    most_rows -= lacking
    shown = found if len(found) <= most_rows else found[: most_rows - 1]
    rows = [_Row(colour=one.colour, name=_name(one), share=percent(one.share)) for one in shown]
    if len(shown) < len(found):
        rest = found[len(shown) :]
        share = percent(sum(one.share for one in rest))
        rows.append(_Row(colour=None, name=f"{len(rest)} more", share=share))
    if lacking:
        rows.append(_Row(colour=None, name=NO_FONT, share=""))
    return rows


def _name(one: FoundClass) -> str:
    return drawable(" ".join(one.name.split()), otherwise=f"class {one.id}")


def _draw_legend(
    image: Image.Image, found: Sequence[FoundClass], font: ImageFont.FreeTypeFont, height: int
) -> None:
    """Draw swatch, name and share of the classes in a box within the first `height` pixels."""
    em = font.size
    margin, padding, gap, line = round(em * 0.6), round(em * 0.6), round(em * 0.5), round(em * 1.4)
    most_rows = min(MOST_ROWS, (height - 2 * margin - 2 * padding) // line)
    if most_rows < min(2, len(found)):
        return
    rows = _legend_rows(found, most_rows)
    swatch = round(em * 0.9)
    share_width = max(font.getlength(row.share) for row in rows)
    fixed_width = round(2 * padding + swatch + 2 * gap + share_width)
    room = round(image.width * 0.5) - margin - fixed_width
    fonts = [label_font(font.size, row.name) for row in rows]
    names = [shorten(row.name, room, own) for row, own in zip(rows, fonts, strict=True)]
    cut = [name for row, name in zip(rows, names, strict=True) if name != row.name]
    if any(len(name) < SHORTEST_TEXT for name in cut):
        return
    widths = [own.getlength(name) for name, own in zip(names, fonts, strict=True)]
    name_width = round(max(widths))

    size = (fixed_width + name_width, len(rows) * line + 2 * padding)
    panel = Image.new("RGBA", size)
    draw = ImageDraw.Draw(panel)
    draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=padding, fill=PANEL_COLOUR)
    for number, (row, name, own) in enumerate(zip(rows, names, fonts, strict=True)):
        middle = padding + line * (number + 0.5)
        if row.colour is not None:
            top = round(middle - swatch / 2)
            box = (padding, top, padding + swatch, top + swatch)
            draw.rectangle(box, fill=(*row.colour, 255), outline=FAINT_COLOUR)
        draw.text((padding + swatch + gap, middle), name, TEXT_COLOUR, own, anchor="lm")
        draw.text((size[0] - padding, middle), row.share, FAINT_COLOUR, font, anchor="rm")
    image.paste(panel, (margin, margin), panel)


def shorten(text: str, width: float, font: ImageFont.FreeTypeFont) -> str:
    """Cut a text to a width in pixels, with an ellipsis where something is missing."""
    if font.getlength(text[:200]) <= width and len(text) <= 200:
        return text
    kept = text[:200]
    while kept and font.getlength(kept + "...") > width:
        kept = kept[:-1]
    return kept.rstrip() + "..."
