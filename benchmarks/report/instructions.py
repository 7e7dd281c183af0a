"""The instructions of emulated rows as bars: a picture that cannot be taken for one of latency."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence

import numpy as np

from topformer.benchmarks.documents.rows import CountedRow
from topformer.benchmarks.report.style import WIDTH_IN, draw_parts, finish
from topformer.figures import INK, Caption, captioned_figure, encode_png

ROW_HEIGHT_IN, MARGINS_IN = 0.7, 1.0
BAR_HEIGHT = 0.5


def draw_instructions(rows: Sequence[CountedRow], heading: str) -> bytes:
    """Draw one bar a row, made of its parts; returns a PNG."""
    processors = ", ".join(dict.fromkeys(row.instructions.cpu for row in rows))
    weights = ", ".join(dict.fromkeys(row.weights.name for row in rows))
    caption = Caption(
        title=heading,
        notes=(
            f"emulated {processors}; weights: {weights}",
            "medians of one inference each, counted: a cost model and no latency",
        ),
    )
    figure = captioned_figure(caption, WIDTH_IN, MARGINS_IN + ROW_HEIGHT_IN * len(rows))
    axes = figure.add_subplot()
    counts = [row.instructions for row in rows]
    parts = {
        "preprocess": [count.preprocess / 1e6 for count in counts],
        "network": [count.execute / 1e6 for count in counts],
        "postprocess": [count.postprocess / 1e6 for count in counts],
    }
    bars = draw_parts(axes, np.arange(len(rows)), parts, BAR_HEIGHT)
    axes.bar_label(
        bars,
        [f"{count.total / 1e6:.1f} M" for count in counts],
        padding=6,
        fontsize=13,
        weight="bold",
        color=INK,
    )
    axes.margins(x=0.15)
    finish(
        axes,
        [row.name for row in rows],
        "million ARM instructions from a picture in memory to its result",
    )
    return encode_png(figure, description=caption.text)
