"""The confusion matrix as one picture: what each class was taken for, and its IoU beside it."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgba
from numpy.typing import NDArray

from topformer.evaluation.confusion import Counts, Scores
from topformer.figures import (
    BLUE,
    CHARACTER_WIDTH,
    FAINT,
    GRID,
    INK,
    LINE,
    Caption,
    captioned_figure,
    encode_png,
    shorten,
)
from topformer.fonts import drawable
from topformer.text import columns

HIT_COLOUR, MISS_COLOUR = BLUE, "#C2410C"
EMPTY = "#EEF0F3"
HITS = LinearSegmentedColormap.from_list("hits", ["white", HIT_COLOUR])
MISSES = LinearSegmentedColormap.from_list("misses", ["white", MISS_COLOUR])
# The square root of a share, so that one pixel in a hundred is seen.
SHADE = PowerNorm(0.5, 0.0, 1.0)
KEY_TICKS = (0.01, 0.1, 0.3, 1.0)

NAME_CHARACTERS = 24
# Beside and below the matrix: bars with their numbers, both keys, the words at the axes.
BARS_IN, KEYS_IN, WORDS_IN = 2.4, 1.2, 0.7
KEY_LENGTH_IN, KEY_PAD_IN = 2.4, 0.15
# Cells with numbers that would be 0 stay empty.
SMALLEST_NUMBER = 0.005


def draw_confusion(counts: Counts, scores: Scores, names: Sequence[str], caption: Caption) -> bytes:
    """Draw a confusion matrix [truth, predicted], rows as shares of the truth; returns a PNG."""
    labels = [_label(number, name, len(names)) for number, name in enumerate(names)]
    cell_in, font_pt = _sizes(len(names))
    # A lone class is given a page that its title fits on.
    side_in = max(cell_in * len(names), 3.6)
    names_in = max(map(columns, labels)) * CHARACTER_WIDTH * font_pt / 72
    page_in = names_in + side_in + WORDS_IN
    figure = captioned_figure(caption, page_in + BARS_IN, page_in + KEYS_IN)
    matrix, bars = figure.subplots(1, 2, width_ratios=(side_in, BARS_IN))
    _draw_matrix(matrix, counts, labels, font_pt)
    _draw_bars(bars, counts, scores, font_pt)
    for colours, text in (
        (MISSES, "taken for the column's class"),
        (HITS, "found: share of the class's pixels"),
    ):
        key = figure.colorbar(
            ScalarMappable(SHADE, colours),
            ax=matrix,
            location="bottom",
            shrink=min(1.0, KEY_LENGTH_IN / side_in),
            pad=KEY_PAD_IN / side_in,
            anchor=(0.0, 0.0),
        )
        key.set_ticks(list(KEY_TICKS), labels=[f"{100 * tick:.0f} %" for tick in KEY_TICKS])
        key.ax.tick_params(labelsize=8, colors=FAINT, length=2)
        key.outline.set_edgecolor(LINE)
        key.ax.set_title(text, fontsize=9, color=INK, loc="left", pad=4)
    return encode_png(figure, description=caption.text)


def _sizes(classes: int) -> tuple[float, float]:
    """Side of a cell in inches, and size of the font in points."""
    if classes <= 12:
        return 0.52, 10
    if classes <= 25:
        return 0.4, 9
    return (0.21, 8) if classes <= 80 else (0.145, 6.5)


def _label(number: int, name: str, classes: int) -> str:
    """Write a class's name, with its id where there are too many to count."""
    short = shorten(drawable(name, otherwise=f"class {number}"), NAME_CHARACTERS)
    return short if classes <= 25 else f"{short}  {number}"


def _draw_matrix(axes: Axes, counts: Counts, labels: Sequence[str], font_pt: float) -> None:
    classes = len(counts)
    total = counts.sum(1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    hit = np.eye(classes, dtype=bool)
    shaded = SHADE(shares)
    colours = np.where(hit[..., None], HITS(shaded), MISSES(shaded))
    colours[total[:, 0] == 0] = to_rgba(EMPTY)
    axes.imshow(colours, interpolation="nearest", aspect="auto")
    axes.xaxis.tick_top()
    positions = range(classes)
    axes.set_xticks(positions, labels, fontsize=font_pt, rotation=90, color=INK)
    axes.set_yticks(positions, labels, fontsize=font_pt, color=INK)
    for pixels, text in zip(total[:, 0], axes.get_yticklabels(), strict=True):
        text.set_color(INK if pixels else FAINT)
    # Many cells are followed by eye along every tenth line.
    edges = np.arange(0, classes, 1 if classes <= 25 else 10) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color=GRID if classes <= 25 else LINE, linewidth=0.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_color(LINE)
    axes.set_xlabel("predicted", color=FAINT)
    axes.xaxis.set_label_position("top")
    axes.set_ylabel("truth", color=FAINT)
    if classes <= 25:
        _write_shares(axes, shares, font_pt)


def _write_shares(axes: Axes, shares: NDArray[np.float64], font_pt: float) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share >= SMALLEST_NUMBER:
            axes.text(
                column,
                row,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                fontsize=font_pt,
                color="white" if share > 0.4 else INK,
                weight="bold" if row == column else "normal",
            )


def _draw_bars(axes: Axes, counts: Counts, scores: Scores, font_pt: float) -> None:
    """Draw each class's IoU beside its row, and the mean as a line."""
    positions = range(len(counts))
    axes.barh(positions, np.nan_to_num(scores.iou), height=0.7, color=HIT_COLOUR, alpha=0.85)
    if not np.isnan(scores.miou):
        axes.axvline(scores.miou, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.set_xlim(0, 1)
    axes.set_ylim(len(counts) - 0.5, -0.5)
    present = counts.sum(1) > 0
    numbers = [f"{iou:.2f}" if real else "" for real, iou in zip(present, scores.iou, strict=True)]
    axes.set_yticks(positions, numbers, fontsize=font_pt, color=INK)
    for row in np.flatnonzero(~present).tolist():
        text = axes.text(0.03, row, "not in this split", va="center", fontsize=font_pt, color=FAINT)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0})
    axes.yaxis.tick_right()
    axes.xaxis.tick_top()
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=9, color=FAINT)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.spines["left"].set(visible=True, color=LINE)
    axes.set_title("IoU (dashed: mean)", fontsize=10, color=INK, loc="left", pad=8)
