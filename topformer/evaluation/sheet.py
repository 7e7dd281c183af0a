"""A sheet of pictures: each beside its labels and, where it was segmented, what was found."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from topformer.data.labels import IGNORED
from topformer.drawing import percent
from topformer.evaluation.caption import Caption, shorten
from topformer.evaluation.confusion import Counts, count, scores_of
from topformer.evaluation.figures import (
    EDGE_IN,
    FAINT,
    INK,
    caption_height_in,
    encode_png,
    with_letters,
    write_caption,
)
from topformer.evaluation.scoring import SegmentedPicture, picture_miou
from topformer.fonts import drawable
from topformer.manifest import Classes

DPI = 100
HEADINGS = ("picture", "labels (hatched: not counted)", "prediction")
PANEL_PX, TALLEST_PX, SMALL_GAP_PX = 352, 352, 6
COLUMN_GAP_PX, TEXT_PX, HEADING_PX = 44, 86, 26
NAME_PX, CHIP_PX = 14, 13
# From a mark to its text, between chips, and between their lines.
CHIP_TEXT_PX, CHIP_GAP_PX, CHIP_LINE_PX = 17, 14, 20
CHIP_LINES = 2
# Of a font's size: from the top of a line to where letters stand.
ASCENT = 0.85
CLASS_OPACITY = 0.75
HATCH_PERIOD_PX = 8
HATCH_COLOURS = ((58, 62, 70), (118, 123, 133))
NAME_CHARACTERS, FILE_CHARACTERS = 20, 60


@dataclass(frozen=True, kw_only=True)
class _Sheet:
    """A figure measured in pixels from its upper left corner."""

    figure: Figure
    canvas: FigureCanvasAgg
    width_px: int
    height_px: int

    @classmethod
    def of(cls, width_px: int, height_px: int) -> "_Sheet":
        figure = Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        return cls(figure=figure, canvas=canvas, width_px=width_px, height_px=height_px)

    def paste(self, image: NDArray[np.uint8], left: int, top: int) -> None:
        """Put an image down pixel by pixel."""
        bottom = self.height_px - top - image.shape[0]
        self.figure.figimage(image, left, bottom, origin="upper")

    def write(
        self, text: str, left: float, top: float, *, size_px: int, colour: str, bold: bool = False
    ) -> float:
        """Write a line from its upper left corner; returns where it ends."""
        font = with_letters(_font(size_px, bold=bold), text)
        self.figure.text(
            left / self.width_px,
            1 - (top + ASCENT * size_px) / self.height_px,
            text,
            va="baseline",
            fontproperties=font,
            color=colour,
        )
        return left + self.measure(text, font)

    def measure(self, text: str, font: FontProperties) -> float:
        """Width of a line in pixels."""
        font = with_letters(font, text)
        return self.canvas.get_renderer().get_text_width_height_descent(text, font, False)[0]

    def mark(self, left: float, top: float, side: float, colour: tuple[int, int, int]) -> None:
        """Draw a square of a class's colour."""
        self.figure.add_artist(
            Rectangle(
                (left / self.width_px, 1 - (top + side) / self.height_px),
                side / self.width_px,
                side / self.height_px,
                facecolor=tuple(value / 255 for value in colour),
                edgecolor="#9CA3AF",
                linewidth=0.6,
            )
        )


@dataclass(frozen=True, kw_only=True)
class _Box:
    """Where text may stand, in pixels; downwards it ends by itself."""

    left: float
    top: float
    right: float


@dataclass(frozen=True, kw_only=True)
class _Chip:
    """A class in the text below a picture."""

    mark: tuple[int, int, int]
    text: str
    colour: str


def _font(size_px: int, *, bold: bool = False) -> FontProperties:
    return FontProperties(size=size_px * 72 / DPI, weight="bold" if bold else "normal")


def draw_sheet(shown: Sequence[SegmentedPicture], classes: Classes, caption: Caption) -> bytes:
    """Draw pictures in two columns, in their order along the rows; returns a PNG."""
    edge, head = round(EDGE_IN * DPI), round(caption_height_in(caption) * DPI) + 10
    columns = min(2, len(shown))
    panels = max(2 if one.predicted is None else 3 for one in shown)
    row_px = panels * PANEL_PX + (panels - 1) * SMALL_GAP_PX
    panel_px = max(_fitted(one.truth.shape)[0] for one in shown)
    rows = -(-len(shown) // columns)
    sheet = _Sheet.of(
        2 * edge + columns * row_px + (columns - 1) * COLUMN_GAP_PX,
        head + HEADING_PX + rows * (panel_px + TEXT_PX) + edge // 2,
    )
    write_caption(sheet.figure, caption)
    for number, one in enumerate(shown):
        row, column = divmod(number, columns)
        left = edge + column * (row_px + COLUMN_GAP_PX)
        if row == 0:
            _write_headings(sheet, HEADINGS[:panels], left, head)
        top = head + HEADING_PX + row * (panel_px + TEXT_PX)
        _draw_panels(sheet, one, classes, left, top)
        height = _fitted(one.truth.shape)[0]
        text = _Box(left=left, top=top + height + 7, right=left + row_px)
        _describe(sheet, one, classes, text)
    return encode_png(sheet.figure, description=caption.text)


def _write_headings(sheet: _Sheet, headings: Sequence[str], left: int, top: int) -> None:
    for number, heading in enumerate(headings):
        position = left + number * (PANEL_PX + SMALL_GAP_PX)
        sheet.write(heading, position, top, size_px=NAME_PX, colour=FAINT)


def _fitted(size: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a panel that shows a picture of `size`, (height, width)."""
    factor = min(PANEL_PX / size[1], TALLEST_PX / size[0])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _draw_panels(
    sheet: _Sheet, one: SegmentedPicture, classes: Classes, left: int, top: int
) -> None:
    height, width = _fitted(one.truth.shape)
    small = np.asarray(
        Image.fromarray(one.picture).resize((width, height), Image.Resampling.LANCZOS)
    )
    maps = [one.truth] if one.predicted is None else [one.truth, one.predicted]
    painted = [_paint(small, _shrink(labels, (height, width)), classes) for labels in maps]
    for number, panel in enumerate((small, *painted)):
        sheet.paste(panel, left + number * (PANEL_PX + SMALL_GAP_PX), top)


def _shrink(labels: NDArray[np.integer], size: tuple[int, int]) -> NDArray[np.uint8]:
    image = Image.fromarray(labels.astype(np.uint8))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.NEAREST))


def _paint(
    picture: NDArray[np.uint8], labels: NDArray[np.uint8], classes: Classes
) -> NDArray[np.uint8]:
    """Lay the classes' colours over a picture, and a hatching over what is ignored."""
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(classes.palette)] = classes.palette
    mixed = (1 - CLASS_OPACITY) * picture + CLASS_OPACITY * palette[labels]
    rows, columns = np.indices(labels.shape)
    stripes = (rows + columns) // (HATCH_PERIOD_PX // 2) % 2
    hatch = np.array(HATCH_COLOURS)[stripes]
    return np.where((labels == IGNORED)[..., None], hatch, mixed).astype(np.uint8)


def _describe(sheet: _Sheet, one: SegmentedPicture, classes: Classes, box: _Box) -> None:
    """Write a picture's name and scores, and below them each class with its IoU in this picture."""
    name = shorten(drawable(one.name), FILE_CHARACTERS)
    name_end = sheet.write(name, box.left, box.top, size_px=NAME_PX, colour=INK, bold=True)
    below = _Box(left=box.left, top=box.top + 24, right=box.right)
    if one.predicted is None:
        _write_classes(sheet, _content_chips(one.truth, classes), below)
        return
    counts = count(one.truth, one.predicted, len(classes.names))
    text = f"mIoU {picture_miou(counts):.3f}, pixel accuracy {scores_of(counts).pixel_accuracy:.3f}"
    sheet.write(text, name_end + 12, box.top, size_px=NAME_PX, colour=INK)
    _write_classes(sheet, _score_chips(counts, classes), below)


def _class_name(number: int, classes: Classes) -> str:
    name = drawable(classes.names[number], otherwise=f"class {number}")
    return shorten(name, NAME_CHARACTERS)


def _content_chips(truth: NDArray[np.integer], classes: Classes) -> list[_Chip]:
    """List the classes of a picture with their share of its labelled pixels, largest first."""
    counts = np.bincount(truth.ravel(), minlength=256)[: len(classes.names)]
    return [
        _Chip(
            mark=classes.palette[number],
            text=f"{_class_name(number, classes)} {percent(counts[number] / counts.sum())}",
            colour=INK,
        )
        for number in np.argsort(-counts, kind="stable").tolist()
        if counts[number]
    ]


def _score_chips(counts: Counts, classes: Classes) -> list[_Chip]:
    """List the classes of a picture by their share of the truth, then of what was found."""
    iou = scores_of(counts).iou
    truth, predicted = counts.sum(1), counts.sum(0)
    chips: list[_Chip] = []
    for number in np.lexsort((-predicted, -truth)).tolist():
        name = _class_name(number, classes)
        if truth[number]:
            text, colour = f"{name} {iou[number]:.2f}", INK
        elif predicted[number]:
            text, colour = f"{name}, not there", FAINT
        else:
            continue
        chips.append(_Chip(mark=classes.palette[number], text=text, colour=colour))
    return chips


def _write_classes(sheet: _Sheet, chips: Sequence[_Chip], box: _Box) -> None:
    """Write as many classes as two lines hold."""
    left, line = box.left, 0
    font = _font(CHIP_PX)
    # Room in the last line for what is said of the rest.
    rest_px = sheet.measure("+ 999 more", font)
    for place, chip in enumerate(chips):
        width = CHIP_TEXT_PX + sheet.measure(chip.text, font)
        last = place == len(chips) - 1
        if left + width > box.right - (0 if last or line < CHIP_LINES - 1 else rest_px):
            if line == CHIP_LINES - 1:
                rest = f"+ {len(chips) - place} more"
                top = box.top + line * CHIP_LINE_PX
                sheet.write(rest, left, top, size_px=CHIP_PX, colour=FAINT)
                return
            left, line = box.left, line + 1
        top = box.top + line * CHIP_LINE_PX
        sheet.mark(left, top + 1, CHIP_PX - 1, chip.mark)
        sheet.write(chip.text, left + CHIP_TEXT_PX, top, size_px=CHIP_PX, colour=chip.colour)
        left += width + CHIP_GAP_PX
