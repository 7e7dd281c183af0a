"""A bench as one picture: how long each row takes, of what that is made, and how it spreads."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.rows import MeasuredRow
from topformer.benchmarks.report.instructions import draw_instructions
from topformer.benchmarks.report.style import WIDTH_IN, draw_parts, finish
from topformer.benchmarks.report.text import heading, place
from topformer.benchmarks.report.timeline import draw_timeline, timeline_rows
from topformer.figures import (
    DOUBTFUL,
    FAINT,
    GOOD,
    INK,
    WARNING,
    Caption,
    captioned_figure,
    encode_png,
)

VERDICT_COLOURS = {"trusted": GOOD, "noisy": DOUBTFUL, "throttled": WARNING}

ROW_HEIGHT_IN, MARGINS_IN = 0.85, 1.0
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
        return draw_instructions(document.counted_rows, heading(document))
    caption = Caption(title=heading(document), notes=_details(document))
    if document.protocol.mode == "sustained":
        return draw_timeline(timeline_rows(rows), document.states, caption)
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
    draw_parts(axes, middles + BAR_Y, parts, BAR_HEIGHT)
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
    finish(
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
