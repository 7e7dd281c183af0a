"""A sheet of pictures: each beside its labels and, where it was segmented, what was found."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from topformer.data.label_files import IGNORED
from topformer.drawing import percent
from topformer.evaluation.confusion import count, scores_of
from topformer.evaluation.scoring import SegmentedPicture, picture_miou
from topformer.figures import (
    CHARACTER_WIDTH,
    EDGE_IN,
    FAINT,
    INK,
    LINE,
    Caption,
    captioned_figure,
    encode_png,
    shorten,
)
from topformer.fonts import drawable
from topformer.manifest import Classes
from topformer.text import columns

DPI = 100
HEADINGS = ("picture", "labels (hatched: not counted)", "prediction")
PANEL_PX, PANEL_GAP_PX, COLUMN_GAP_PX, EDGE_PX = 352, 6, 44, round(EDGE_IN * DPI)
# Above all panels; above each row its title, below it its classes.
HEADING_PX, TITLE_PX, CLASSES_PX = 22, 30, 56
FONT_PT, CLASS_LINES = 9.5, 2
# What a class's colour takes besides its text, in characters.
SWATCH_CHARACTERS = 4
NAME_CHARACTERS, FILE_CHARACTERS = 20, 60
CLASS_OPACITY = 0.75
HATCH_PERIOD_PX = 8
HATCH_COLOURS = ((58, 62, 70), (118, 123, 133))


def draw_sheet(shown: Sequence[SegmentedPicture], classes: Classes, caption: Caption) -> bytes:
    """Draw pictures in two columns, in their order along the rows; returns a PNG."""
    panels = max(2 if one.predicted is None else 3 for one in shown)
    strips = [_strip(one, classes, panels) for one in shown]
    in_row = min(2, len(shown))
    rows = -(-len(shown) // in_row)
    height_px, strip_px = max(len(strip) for strip in strips), strips[0].shape[1]
    width_px = 2 * EDGE_PX + in_row * (strip_px + COLUMN_GAP_PX) - COLUMN_GAP_PX
    body_px = rows * (TITLE_PX + height_px + CLASSES_PX) + HEADING_PX
    figure = captioned_figure(caption, width_px / DPI, body_px / DPI, dpi=DPI)
    # Placed to the pixel, so that none of a panel's is left out or blurred.
    figure.set_layout_engine("none")
    page_px = figure.bbox.height
    grid = figure.subplots(
        rows,
        in_row,
        squeeze=False,
        gridspec_kw={
            "left": EDGE_PX / width_px,
            "right": 1 - EDGE_PX / width_px,
            "bottom": CLASSES_PX / page_px,
            "top": (body_px - HEADING_PX - TITLE_PX) / page_px,
            "wspace": COLUMN_GAP_PX / strip_px,
            "hspace": (TITLE_PX + CLASSES_PX) / height_px,
        },
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, one, strip in zip(grid.flat, shown, strips, strict=False):
        axes.set_anchor("NW")
        axes.imshow(strip, interpolation="nearest")
        name = shorten(drawable(one.name), FILE_CHARACTERS)
        axes.set_title(name, loc="left", fontsize=FONT_PT, color=INK, weight="bold")
        _describe(axes, one, classes)
    for axes in grid[0, : len(shown)]:
        for panel, heading in enumerate(HEADINGS[:panels]):
            axes.annotate(
                heading,
                (panel * (PANEL_PX + PANEL_GAP_PX), 0),
                (0, 25),
                textcoords="offset points",
                fontsize=FONT_PT,
                color=FAINT,
            )
    return encode_png(figure, description=caption.text)


def _strip(one: SegmentedPicture, classes: Classes, panels: int) -> NDArray[np.uint8]:
    """Panels side by side, each scaled to fit into a square; white where nothing is left."""
    factor = PANEL_PX / max(one.truth.shape)
    height, width = (max(1, round(side * factor)) for side in one.truth.shape)
    picture = Image.fromarray(one.picture).resize((width, height), Image.Resampling.LANCZOS)
    shown = [np.asarray(picture)]
    for labels in (one.truth, one.predicted):
        if labels is not None:
            small = Image.fromarray(labels.astype(np.uint8))
            small = small.resize((width, height), Image.Resampling.NEAREST)
            shown.append(_paint(shown[0], np.asarray(small), classes))
    strip = np.full((height, panels * (PANEL_PX + PANEL_GAP_PX) - PANEL_GAP_PX, 3), 255, np.uint8)
    for panel, pixels in enumerate(shown):
        left = panel * (PANEL_PX + PANEL_GAP_PX)
        strip[:, left : left + width] = pixels
    return strip


def _paint(
    picture: NDArray[np.uint8], labels: NDArray[np.uint8], classes: Classes
) -> NDArray[np.uint8]:
    """Lay the classes' colours over a picture, and a hatching over what is ignored."""
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(classes.palette)] = classes.palette
    mixed = (1 - CLASS_OPACITY) * picture + CLASS_OPACITY * palette[labels]
    row, column = np.indices(labels.shape)
    stripes = (row + column) // (HATCH_PERIOD_PX // 2) % 2
    hatch = np.array(HATCH_COLOURS)[stripes]
    return np.where((labels == IGNORED)[..., None], hatch, mixed).astype(np.uint8)


def _describe(axes: Axes, one: SegmentedPicture, classes: Classes) -> None:
    """Write a picture's scores, and below it each class with its IoU or its share in it.

    By their share of the truth, then of what was found.
    """
    number_of = len(classes.names)
    if one.predicted is None:
        truth = predicted = np.bincount(one.truth.ravel(), minlength=256)[:number_of]
        values = [percent(pixels / max(1, truth.sum())) for pixels in truth]
    else:
        counts = count(one.truth, one.predicted, number_of)
        scores, miou = scores_of(counts), picture_miou(counts)
        text = f"mIoU {miou:.3f}, pixel accuracy {scores.pixel_accuracy:.3f}"
        axes.set_title(text, loc="right", fontsize=FONT_PT, color=INK)
        truth, predicted = counts.sum(1), counts.sum(0)
        values = [f"{iou:.2f}" for iou in scores.iou]
    entries: list[tuple[Patch, str]] = []
    for number in np.lexsort((-predicted, -truth)).tolist():
        if truth[number] or predicted[number]:
            name = drawable(classes.names[number], otherwise=f"class {number}")
            value = f" {values[number]}" if truth[number] else ", not there"
            red, green, blue = (channel / 255 for channel in classes.palette[number])
            patch = Patch(facecolor=(red, green, blue), edgecolor=LINE, linewidth=0.6)
            entries.append((patch, shorten(name, NAME_CHARACTERS) + value))
    _write_classes(axes, entries)


def _write_classes(axes: Axes, entries: Sequence[tuple[Patch, str]]) -> None:
    """Write as many classes as two lines hold, the first ones in the first line."""
    room = axes.bbox.width / (FONT_PT / 72 * DPI * CHARACTER_WIDTH)
    in_line = len(entries)
    while in_line > 1 and _characters(entries[: CLASS_LINES * in_line], in_line) > room:
        in_line -= 1
    most = CLASS_LINES * in_line
    if len(entries) > most:
        rest = (Patch(visible=False), f"+ {len(entries) - most + 1} more")
        entries = [*entries[: most - 1], rest]
    # A legend fills its columns one after the other.
    entries = [entry for column in range(in_line) for entry in entries[column::in_line]]
    axes.legend(
        [patch for patch, _ in entries],
        [text for _, text in entries],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        ncols=max(1, in_line),
        frameon=False,
        borderpad=0,
        handlelength=1,
        handleheight=1,
        handletextpad=0.4,
        columnspacing=1,
        labelspacing=0.3,
        fontsize=FONT_PT,
        labelcolor=INK,
    )


def _characters(entries: Sequence[tuple[Patch, str]], in_line: int) -> int:
    """Width of a legend in so many columns."""
    widths = [columns(text) + SWATCH_CHARACTERS for _, text in entries]
    return sum(max(widths[column::in_line]) for column in range(in_line))
