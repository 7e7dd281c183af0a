"""Precision over recall as one picture, and beside it what each class reaches."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from topformer.evaluation.boxes.average_precision import IOU_THRESHOLDS, RECALLS, BoxScores
from topformer.figures import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    LINE,
    ORANGE,
    Caption,
    captioned_figure,
    encode_png,
    shorten,
    tidy,
)
from topformer.fonts import drawable

# Of curves that are told apart by name; the others are thin lines between them.
_NAMED = ((0.5, BLUE), (0.75, ORANGE), (0.95, GREEN))
_NAME_CHARACTERS = 24
_CURVES_IN, _BARS_IN, _HEIGHT_IN, _ROW_IN = 6.2, 4.6, 5.0, 0.16


def draw_curves(scores: BoxScores, names: Sequence[str], caption: Caption) -> bytes:
    """Draw mean precision over recall at each IoU, and AP by class; returns a PNG.

    Of the k classes only those that have boxes are drawn, the best first.
    """
    present = np.flatnonzero(scores.class_boxes > 0)
    order = present[np.argsort(-scores.class_ap[present], kind="stable")]
    height_in = max(_HEIGHT_IN, _ROW_IN * len(order) + 0.8)
    figure = captioned_figure(caption, _CURVES_IN + _BARS_IN, height_in)
    # The curves keep their shape beside many classes.
    grid = figure.add_gridspec(
        2,
        2,
        width_ratios=(_CURVES_IN, _BARS_IN),
        height_ratios=(_HEIGHT_IN, max(height_in - _HEIGHT_IN, 0.01)),
    )
    curves, bars = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[:, 1])
    _draw_curves(curves, scores.precision[:, :, present])
    _draw_bars(bars, scores, order, names)
    return encode_png(figure, description=caption.text)


def _draw_curves(axes: Axes, precision: NDArray[np.float64]) -> None:
    tidy(axes)
    named = dict(_NAMED)
    mean = precision.mean(2) if precision.shape[2] else np.zeros(precision.shape[:2])
    for threshold, values in zip(IOU_THRESHOLDS, mean, strict=True):
        colour = named.get(threshold)
        axes.plot(
            RECALLS,
            values,
            color=colour or LINE,
            linewidth=2.0 if colour else 0.8,
            zorder=3 if colour else 2,
            label=f"IoU {threshold:.2f}: AP {values.mean():.3f}" if colour else None,
        )
    axes.plot(
        RECALLS,
        mean.mean(0),
        color=INK,
        linewidth=2.0,
        linestyle=(0, (4, 2)),
        zorder=4,
        label=f"mean of the ten: AP {mean.mean():.3f}",
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall", color=FAINT)
    axes.set_ylabel("precision, mean of the classes", color=FAINT)
    axes.set_title("each line: one IoU, 0.50 to 0.95", fontsize=10, color=INK, loc="left")
    axes.legend(frameon=False, fontsize=9.5, labelcolor=INK)


def _draw_bars(
    axes: Axes, scores: BoxScores, order: NDArray[np.intp], names: Sequence[str]
) -> None:
    tidy(axes, grid="x")
    rows = range(len(order))
    axes.barh(rows, scores.class_ap50[order], height=0.7, color=LINE, alpha=0.45, label="AP50")
    axes.barh(rows, scores.class_ap[order], height=0.7, color=BLUE, alpha=0.9, label="AP")
    numbers: list[int] = order.tolist()
    labels = [
        f"{shorten(drawable(names[one], otherwise=f'class {one}'), _NAME_CHARACTERS)}  "
        f"{scores.class_boxes[one]:,}"
        for one in numbers
    ]
    axes.set_yticks(rows, labels, fontsize=8, color=INK)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_title("AP by class, with its boxes", fontsize=10, color=INK, loc="left")
    axes.legend(frameon=False, fontsize=9, labelcolor=INK, loc="lower right")
