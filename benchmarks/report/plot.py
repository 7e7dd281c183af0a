"""A bench as one picture: how long each row takes, of what that is made, and how it spreads.

Rows stand from top to bottom, each a bar stacked of its parts.
"""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from numpy.typing import NDArray

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.rows import CountedRow, MeasuredRow
from topformer.benchmarks.report.text import heading, place
from topformer.benchmarks.report.timeline import (
    CAP,
    CLOCK,
    WIDTH_IN,
    draw_timeline,
    timeline_rows,
)
from topformer.figures import (
    BLUE,
    DOUBTFUL,
    FAINT,
    GOOD,
    INK,
    ORANGE,
    SKY,
    WARNING,
    Caption,
    captioned_figure,
    encode_png,
    tidy,
)
from topformer.fonts import drawable

VERDICT_COLOURS = {"trusted": GOOD, "noisy": DOUBTFUL, "throttled": WARNING}
PART_COLOURS = {"preprocess": SKY, "network": BLUE, "postprocess": ORANGE}
NAME_CHARACTERS = 25
# A part narrower than this share of the widest row has no room for its number.
NUMBER_ROOM = 0.05

MARGINS_IN = 1.0
COUNTED_ROW_HEIGHT_IN, COUNTED_BAR_HEIGHT = 0.7, 0.5
ROW_HEIGHT_IN = 0.85
# Within a row, from its middle: the bar, the whisker at its end, the samples below it.
BAR_Y, BAR_HEIGHT = -0.16, 0.34
WHISKER_Y = -0.03
STRIP_Y, STRIP_HEIGHT = 0.21, 0.22
# The axis ends a little after the slowest row's tail; an arrow there stands for runs beyond it.
AXIS_HEADROOM = 1.12


def draw(document: BenchDocument) -> bytes:
    """Draw latency as bars, over time after a sustained bench, or instructions; returns a PNG.

    Emulated rows are drawn only where there are no others: the two have no axis in common.
    """
    rows = document.measured_rows
    if not rows:
        return _draw_instructions(document.counted_rows, heading(document))
    caption = Caption(title=heading(document), notes=_details(document))
    if document.protocol.mode == "sustained":
        frequency = CAP if document.devices else CLOCK
        return draw_timeline(timeline_rows(rows), document.states, caption, frequency=frequency)
    return _draw_bars(rows, caption)


def _draw_bars(rows: Sequence[MeasuredRow], caption: Caption) -> bytes:
    """Draw the rows from top to bottom, to scale."""
    figure = captioned_figure(caption, WIDTH_IN, MARGINS_IN + ROW_HEIGHT_IN * len(rows))
    axes = figure.add_subplot()
    limit_ms = AXIS_HEADROOM * max(row.total_ms.p90 for row in rows)
    axes.set_xlim(0, limit_ms)
    middles = np.arange(len(rows))
    parts = {
        "preprocess": [row.preprocess_ms.p50 for row in rows],
        "network": [row.execute_ms.p50 for row in rows],
        "postprocess": [row.postprocess_ms.p50 for row in rows],
    }
    _draw_parts(axes, middles + BAR_Y, parts, BAR_HEIGHT)
    medians = np.array([row.total_ms.p50 for row in rows])
    low, high = np.array([row.total_ms.ci95 for row in rows]).T
    axes.errorbar(
        medians,
        middles + WHISKER_Y,
        xerr=np.maximum(0.0, [medians - low, high - medians]),
        fmt="none",
        ecolor=INK,
        capsize=4,
        linewidth=1.5,
    )
    for middle, row in enumerate(rows):
        _draw_samples(axes, middle + STRIP_Y, np.array(row.total_ms.samples))
        _write_result(axes, middle, row)
    _finish(
        axes,
        [row.name for row in rows],
        "milliseconds from a picture in memory to its result   "
        "(bars: medians; whisker: 95 % interval; dots: runs; box: 10 % to 90 %; arrow: beyond)",
    )
    return encode_png(figure, description=caption.text)


def _draw_samples(axes: Axes, middle: float, samples: NDArray[np.float64]) -> None:
    """Show every sample as a dot, and a box from the fastest tenth of them to the slowest."""
    limit_ms = axes.get_xlim()[1]
    shown = samples[samples <= limit_ms]
    jitter = np.random.default_rng(0).uniform(-0.5, 0.5, len(shown)) * STRIP_HEIGHT
    axes.scatter(shown, middle + jitter, 5, color=FAINT, alpha=0.35, linewidths=0, zorder=2)
    if len(shown) < len(samples):
        axes.plot(limit_ms, middle, ">", markersize=5, color=FAINT, clip_on=False)
    low, median, high = np.percentile(samples, (10, 50, 90))
    axes.bxp(
        [{"q1": low, "med": median, "q3": high, "whislo": low, "whishi": high}],
        [middle],
        orientation="horizontal",
        widths=STRIP_HEIGHT,
        showfliers=False,
        showcaps=False,
        manage_ticks=False,
        boxprops={"color": INK, "linewidth": 0.9},
        medianprops={"color": INK, "linewidth": 1.8},
    )


def _write_result(axes: Axes, middle: int, row: MeasuredRow) -> None:
    """Write the total and the verdict to the right of everything drawn."""
    total = row.total_ms
    causes = ", ".join(dict.fromkeys(reason.partition(":")[0] for reason in row.reasons))
    verdict = f"noisy: {causes}" if row.verdict == "noisy" else row.verdict
    tail = f"p90 {total.p90:.1f}   p99 {total.p99:.1f}   max {max(total.samples):.1f}"
    for text, y, style in (
        (f"{total.p50:.1f} ms", -0.22, {"fontsize": 13, "weight": "bold", "color": INK}),
        (verdict, 0.06, {"fontsize": 9, "weight": "bold", "color": VERDICT_COLOURS[row.verdict]}),
        (tail, 0.3, {"fontsize": 8.5, "color": FAINT}),
    ):
        axes.annotate(
            text,
            (1, middle + y),
            (12, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
            **style,
        )


def _details(document: BenchDocument) -> tuple[str, str]:
    protocol = document.protocol
    weights = ", ".join(dict.fromkeys(row.weights.name for row in document.rows))
    left_out = bool(document.counted_rows)
    return (
        f"{place(document)}; weights: {weights}",
        f"{protocol.mode} bench of {document.environment.started_at[:10]}: "
        f"{protocol.rounds} blocks of {protocol.samples_per_block} runs a row, interleaved"
        + ("; emulated rows are in the table only" if left_out else ""),
    )


def _draw_instructions(rows: Sequence[CountedRow], heading: str) -> bytes:
    """Draw one bar a row, made of its parts: it cannot be taken for a picture of latency."""
    processors = ", ".join(dict.fromkeys(row.instructions.cpu for row in rows))
    weights = ", ".join(dict.fromkeys(row.weights.name for row in rows))
    caption = Caption(
        title=heading,
        notes=(
            f"emulated {processors}; weights: {weights}",
            "medians of one inference each, counted: a cost model and no latency",
        ),
    )
    figure = captioned_figure(caption, WIDTH_IN, MARGINS_IN + COUNTED_ROW_HEIGHT_IN * len(rows))
    axes = figure.add_subplot()
    counts = [row.instructions for row in rows]
    parts = {
        "preprocess": [count.preprocess / 1e6 for count in counts],
        "network": [count.execute / 1e6 for count in counts],
        "postprocess": [count.postprocess / 1e6 for count in counts],
    }
    bars = _draw_parts(axes, np.arange(len(rows)), parts, COUNTED_BAR_HEIGHT)
    axes.bar_label(
        bars,
        [f"{count.total / 1e6:.1f} M" for count in counts],
        padding=6,
        fontsize=13,
        weight="bold",
        color=INK,
    )
    axes.margins(x=0.15)
    _finish(
        axes,
        [row.name for row in rows],
        "million ARM instructions from a picture in memory to its result",
    )
    return encode_png(figure, description=caption.text)


def _draw_parts(
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


def _finish(axes: Axes, names: Sequence[str], label: str) -> None:
    """Name the rows, what the axis shows and, below it, the parts."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [fill(drawable(name), NAME_CHARACTERS) for name in names])
    axes.set_xlabel(label, fontsize=9, color=FAINT, loc="left")
    tidy(axes, grid="x")
    axes.figure.legend(loc="outside lower right", ncols=3, frameon=False, labelcolor=INK)
