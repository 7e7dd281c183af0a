"""The instructions of emulated rows as bars: a picture that cannot be taken for one of latency."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence
from textwrap import fill

from matplotlib.figure import Figure

from topformer.benchmarks.documents.rows import CountedRow
from topformer.benchmarks.report.style import (
    DPI,
    FAINT,
    GRID,
    INK,
    PART_COLOURS,
    WIDTH_IN,
    finish_parts,
    write_titles,
)
from topformer.fonts import drawable

ROW_HEIGHT_IN = 0.6
MARGINS_IN = 2.0
BAR_HEIGHT = 0.5
NAME_CHARACTERS = 25
# Of the longest bar: what is written to the right of it, and the least that a number fits into.
TEXT_ROOM = 1.25
NUMBER_ROOM = 0.06


def draw_instructions(rows: Sequence[CountedRow], heading: str) -> bytes:
    """Draw one bar a row, made of its parts; returns a PNG."""
    figure = Figure(figsize=(WIDTH_IN, MARGINS_IN + ROW_HEIGHT_IN * len(rows)), dpi=DPI)
    axes = figure.add_subplot()
    longest = max(row.instructions.total for row in rows) / 1e6
    for position, row in enumerate(rows):
        counts = row.instructions
        left = 0.0
        parts = (counts.preprocess, counts.execute, counts.postprocess)
        for (name, colour), count in zip(PART_COLOURS.items(), parts, strict=True):
            width = count / 1e6
            label = name if position == 0 else None
            axes.barh(position, width, left=left, height=BAR_HEIGHT, color=colour, label=label)
            if width > NUMBER_ROOM * longest:
                ink = "white" if name == "network" else INK
                middle = (left + width / 2, position)
                axes.text(*middle, f"{width:.1f}", color=ink, ha="center", va="center", fontsize=9)
            left += width
        total = f"{counts.total / 1e6:.1f} M"
        axes.text(left + 0.01 * longest, position, total, va="center", fontsize=13, weight="bold")
    axes.set_xlim(0, longest * TEXT_ROOM)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [fill(drawable(row.name), NAME_CHARACTERS) for row in rows])
    axes.tick_params(axis="both", length=0, colors=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    label = "million ARM instructions from a picture in memory to its result"
    axes.set_xlabel(label, fontsize=9, color=FAINT, loc="left")
    processors = ", ".join(dict.fromkeys(row.instructions.cpu for row in rows))
    weights = ", ".join(dict.fromkeys(row.weights.name for row in rows))
    details = (
        f"emulated {processors}; weights: {weights}\n"
        "medians of one inference each, counted: a cost model and no latency"
    )
    write_titles(axes, heading, details)
    return finish_parts(figure)
