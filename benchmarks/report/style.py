"""What the bench's bars share: rows from top to bottom, each stacked of the same parts."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from numpy.typing import NDArray

from topformer.figures import BLUE, FAINT, INK, ORANGE, SKY, tidy
from topformer.fonts import drawable

PART_COLOURS = {"preprocess": SKY, "network": BLUE, "postprocess": ORANGE}
WIDTH_IN = 11.0
NAME_CHARACTERS = 25
# A part narrower than this share of the widest row has no room for its number.
NUMBER_ROOM = 0.05


def draw_parts(
    axes: Axes, rows: NDArray[np.number], parts: Mapping[str, Sequence[float]], height: float
) -> BarContainer:
    """Stack the parts of each row, at its place on the vertical axis, with their numbers.

    Returns the last part's bars.
    """
    left = np.zeros(len(rows))
    room = NUMBER_ROOM * np.sum(list(parts.values()), axis=0).max()
    bars = BarContainer([])
    for name, values in parts.items():
        colour = PART_COLOURS[name]
        bars = axes.barh(rows, values, left=left, height=height, color=colour, label=name)
        numbers = [f"{value:.1f}" if value > room else "" for value in values]
        ink = "white" if colour == BLUE else INK
        axes.bar_label(bars, numbers, label_type="center", color=ink, fontsize=9)
        left += values
    return bars


def finish(axes: Axes, names: Sequence[str], label: str) -> None:
    """Name the rows, what the axis shows and, below it, the parts."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [fill(drawable(name), NAME_CHARACTERS) for name in names])
    axes.set_xlabel(label, fontsize=9, color=FAINT, loc="left")
    tidy(axes, grid="x")
    axes.figure.legend(loc="outside lower right", ncols=3, frameon=False, labelcolor=INK)
