"""The confusion matrix as one picture: what each class was taken for, and its IoU beside it."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgba
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topformer.evaluation.caption import Caption, shorten
from topformer.evaluation.confusion import Counts, Scores
from topformer.evaluation.figures import (
    CHARACTER_WIDTH,
    EDGE_IN,
    FAINT,
    INK,
    caption_height_in,
    encode_png,
    write_caption,
)
from topformer.fonts import drawable
from topformer.text import columns

# Okabe and Ito's palette, told apart by the colour-blind too.
HIT_COLOUR, MISS_COLOUR = "#0072B2", "#C2410C"
EMPTY = "#EEF0F3"
HITS = LinearSegmentedColormap.from_list("hits", ["white", HIT_COLOUR])
MISSES = LinearSegmentedColormap.from_list("misses", ["white", MISS_COLOUR])
# The square root of a share, so that one pixel in a hundred is seen.
SHADE = PowerNorm(0.5, 0.0, 1.0)
KEY_TICKS = (0.01, 0.1, 0.3, 1.0)

DPI = 130
NAME_CHARACTERS = 24
BARS_IN, GAP_IN, KEY_IN = 2.3, 0.25, 0.95
# Of the bars' axis: where the column of numbers ends.
NUMBERS_END = 1.25
# Cells with numbers that would be 0 stay empty.
SMALLEST_NUMBER = 0.005


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """Sizes that follow from how many classes there are."""

    cell_in: float
    font_pt: float
    # Whether cells have room for a number.
    numbers: bool

    @classmethod
    def of(cls, classes: int) -> "_Sizes":
        if classes <= 12:
            return cls(cell_in=0.52, font_pt=10, numbers=True)
        if classes <= 25:
            return cls(cell_in=0.4, font_pt=9, numbers=True)
        if classes <= 80:
            return cls(cell_in=0.21, font_pt=8, numbers=False)
        return cls(cell_in=0.145, font_pt=6.5, numbers=False)


@dataclass(frozen=True, kw_only=True)
class _Page:
    """Where things lie, in inches from the left and from the top."""

    sizes: _Sizes
    side_in: float
    names_in: float
    head_in: float

    @property
    def width_in(self) -> float:
        return EDGE_IN + self.names_in + self.side_in + GAP_IN + BARS_IN + EDGE_IN

    @property
    def height_in(self) -> float:
        return self.head_in + self.names_in + self.side_in + KEY_IN

    def place(self, figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
        """Make axes of a size in inches."""
        bottom = self.height_in - top - height
        return figure.add_axes(
            (
                left / self.width_in,
                bottom / self.height_in,
                width / self.width_in,
                height / self.height_in,
            )
        )


def draw_confusion(counts: Counts, scores: Scores, names: Sequence[str], caption: Caption) -> bytes:
    """Draw a confusion matrix [truth, predicted], rows as shares of the truth; returns a PNG."""
    labels = [_label(number, name, len(names)) for number, name in enumerate(names)]
    sizes = _Sizes.of(len(names))
    longest = max(map(columns, labels))
    page = _Page(
        sizes=sizes,
        # A lone class is given a page that its title fits on.
        side_in=max(sizes.cell_in * len(names), 3.6),
        names_in=0.35 + longest * CHARACTER_WIDTH * sizes.font_pt / 72,
        head_in=caption_height_in(caption) + 0.1,
    )
    figure = Figure(figsize=(page.width_in, page.height_in), dpi=DPI, facecolor="white")
    left, top = EDGE_IN + page.names_in, page.head_in + page.names_in
    matrix = page.place(figure, left, top, page.side_in, page.side_in)
    bars = page.place(figure, left + page.side_in + GAP_IN, top, BARS_IN, page.side_in)
    _draw_matrix(matrix, counts, labels, sizes)
    _draw_bars(bars, counts, scores, sizes)
    _draw_keys(figure, page, left)
    write_caption(figure, caption)
    return encode_png(figure, description=caption.text)


def _label(number: int, name: str, classes: int) -> str:
    """Write a class's name, with its id where there are too many to count."""
    short = shorten(drawable(name, otherwise=f"class {number}"), NAME_CHARACTERS)
    return short if classes <= 25 else f"{short}  {number}"


def _draw_matrix(axes: Axes, counts: Counts, labels: Sequence[str], sizes: _Sizes) -> None:
    total = counts.sum(1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    hit = np.eye(len(counts), dtype=bool)
    shaded = SHADE(shares)
    colours = np.where(hit[..., None], HITS(shaded), MISSES(shaded))
    colours[total[:, 0] == 0] = to_rgba(EMPTY)
    axes.imshow(colours, interpolation="nearest", aspect="auto")
    if sizes.numbers:
        _write_shares(axes, shares, sizes.font_pt)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    positions = range(len(labels))
    for axis, rotation in ((axes.xaxis, 90), (axes.yaxis, 0)):
        axis.set_ticks(positions, labels, fontsize=sizes.font_pt, rotation=rotation, color=INK)
    for number, text in enumerate(axes.get_yticklabels()):
        text.set_color(INK if total[number, 0] else FAINT)
    _draw_grid(axes, len(labels))
    axes.annotate(
        "predicted →\ntruth ↓",
        (0, 1),
        (-6, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        fontsize=9,
        linespacing=1.4,
        color=FAINT,
    )
    axes.tick_params(length=0)
    axes.spines[:].set_color("#9CA3AF")


def _draw_grid(axes: Axes, classes: int) -> None:
    """Part the cells, and where there are many every tenth more clearly, to be followed by eye."""
    end = classes - 0.5
    for step, colour in ((1, "#E5E7EB"), (10, "#A8AFBA")):
        if step == 1 or classes > 25:
            edges = np.arange(step, classes, step) - 0.5
            axes.hlines(edges, -0.5, end, color=colour, linewidth=0.4)
            axes.vlines(edges, -0.5, end, color=colour, linewidth=0.4)


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


def _draw_bars(axes: Axes, counts: Counts, scores: Scores, sizes: _Sizes) -> None:
    """Draw each class's IoU beside its row, and the mean as a line."""
    positions = np.arange(len(counts))
    axes.barh(positions, np.nan_to_num(scores.iou), height=0.7, color=HIT_COLOUR, alpha=0.85)
    # What lies in one line stays readable, however the bars end.
    for number, iou in enumerate(scores.iou):
        missing = not counts[number].sum()
        axes.text(
            NUMBERS_END,
            number,
            "not in this split" if missing else f"{iou:.2f}",
            ha="right",
            va="center",
            fontsize=sizes.font_pt,
            color=FAINT if missing else INK,
        )
    if not np.isnan(scores.miou):
        axes.axvline(scores.miou, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.set_xlim(0, NUMBERS_END)
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.set_yticks([])
    axes.xaxis.tick_top()
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=9, color=FAINT)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.spines["left"].set_visible(True)
    axes.spines["left"].set_color("#9CA3AF")
    axes.set_title("IoU (dashed: mean)", fontsize=10, color=INK, loc="left", pad=8)


def _draw_keys(figure: Figure, page: _Page, left: float) -> None:
    """Explain rows, columns and both colours below the matrix."""
    width = min(2.4, (page.width_in - left - 2 * GAP_IN) / 2)
    top = page.head_in + page.names_in + page.side_in + 0.38
    for number, (colours, text) in enumerate(
        ((HITS, "found: share of the class's pixels"), (MISSES, "taken for the column's class"))
    ):
        axes = page.place(figure, left + number * (width + 0.5), top, width, 0.12)
        bar = figure.colorbar(ScalarMappable(SHADE, colours), cax=axes, orientation="horizontal")
        bar.set_ticks(list(KEY_TICKS), labels=[f"{100 * tick:.0f} %" for tick in KEY_TICKS])
        bar.ax.tick_params(labelsize=8, colors=FAINT, length=2)
        bar.outline.set_edgecolor("#9CA3AF")
        axes.set_title(text, fontsize=9, color=INK, loc="left", pad=4)
