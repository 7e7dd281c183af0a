"""A bench as one picture: how long each row takes, of what that is made, and how it spreads."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.rows import MeasuredRow, counted_rows, measured_rows
from topformer.benchmarks.report.instructions import draw_instructions
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
from topformer.benchmarks.report.text import heading, place
from topformer.benchmarks.report.timeline import draw_timeline, timeline_rows
from topformer.fonts import drawable

VERDICT_COLOURS = {"trusted": "#00795C", "noisy": "#B45309", "throttled": "#B91C1C"}

ROW_HEIGHT_IN = 0.85
MARGINS_IN = 1.8

BAR_Y, BAR_HEIGHT = -0.16, 0.34
WHISKER_Y = -0.03
STRIP_Y, STRIP_HEIGHT = 0.21, 0.22
# A part narrower than this share of the axis has no room for its number.
NUMBER_ROOM = 0.035
# The axis ends a little after the slowest row's tail; an arrow there stands for runs beyond it.
AXIS_HEADROOM = 1.12
NAME_CHARACTERS = 25
# Of the axis: what is written to the right of it.
TEXT_ROOM = 1.5


def draw(document: BenchDocument) -> bytes:
    """Draw latency as bars, over time after a sustained bench, or instructions; returns a PNG.

    Emulated rows are drawn only where there are no others: the two have no axis in common.
    """
    rows = measured_rows(document.rows)
    if not rows:
        return draw_instructions(counted_rows(document.rows), heading(document))
    if document.protocol.mode == "sustained":
        return draw_timeline(
            timeline_rows(rows),
            document.states,
            heading=heading(document),
            details=_details(document),
        )
    return _draw_bars(rows, document)


def _draw_bars(rows: list[MeasuredRow], document: BenchDocument) -> bytes:
    """Draw the rows from top to bottom, to scale."""
    figure = Figure(figsize=(WIDTH_IN, MARGINS_IN + ROW_HEIGHT_IN * len(rows)), dpi=DPI)
    axes = figure.add_subplot()
    limit_ms = AXIS_HEADROOM * max(row.total_ms.p90 for row in rows)
    for position, row in enumerate(rows):
        _draw_parts(axes, position, row, limit_ms)
        _draw_samples(axes, position, row, limit_ms)
        _write_result(axes, position, row, limit_ms)
    _finish_axes(axes, rows, limit_ms)
    write_titles(axes, heading(document), _details(document))
    return finish_parts(figure)


def _draw_parts(axes: Axes, position: int, row: MeasuredRow, limit_ms: float) -> None:
    """Stack the parts' medians, with the interval of the total's median at their end."""
    left = 0.0
    parts = (row.preprocess_ms, row.execute_ms, row.postprocess_ms)
    for (name, colour), part in zip(PART_COLOURS.items(), parts, strict=True):
        axes.barh(
            position + BAR_Y,
            part.p50,
            left=left,
            height=BAR_HEIGHT,
            color=colour,
            label=name if position == 0 else None,
        )
        if part.p50 > NUMBER_ROOM * limit_ms * TEXT_ROOM:
            axes.text(
                left + part.p50 / 2,
                position + BAR_Y,
                f"{part.p50:.1f}",
                ha="center",
                va="center",
                color="white" if name == "network" else INK,
                fontsize=9,
            )
        left += part.p50
    total = row.total_ms
    low, high = total.ci95
    axes.errorbar(
        total.p50,
        position + WHISKER_Y,
        xerr=[[max(0.0, total.p50 - low)], [max(0.0, high - total.p50)]],
        color=INK,
        capsize=4,
        linewidth=1.5,
    )


def _draw_samples(axes: Axes, position: int, row: MeasuredRow, limit_ms: float) -> None:
    """Show every sample of the total as a dot, and a box from the fastest tenth to the slowest."""
    samples = np.array(row.total_ms.samples)
    jitter = np.random.default_rng(0).uniform(-0.5, 0.5, len(samples)) * STRIP_HEIGHT
    shown = samples <= limit_ms
    axes.scatter(
        samples[shown],
        position + STRIP_Y + jitter[shown],
        s=5,
        color=FAINT,
        alpha=0.35,
        linewidths=0,
        zorder=2,
    )
    tenth = float(np.percentile(samples, 10))
    axes.barh(
        position + STRIP_Y,
        row.total_ms.p90 - tenth,
        left=tenth,
        height=STRIP_HEIGHT,
        facecolor="none",
        edgecolor=INK,
        linewidth=0.9,
        zorder=3,
    )
    axes.vlines(
        row.total_ms.p50,
        position + STRIP_Y - STRIP_HEIGHT / 2,
        position + STRIP_Y + STRIP_HEIGHT / 2,
        color=INK,
        linewidth=1.8,
        zorder=4,
    )
    if not shown.all():
        axes.scatter(limit_ms, position + STRIP_Y, marker=">", s=28, color=FAINT, linewidths=0)


def _write_result(axes: Axes, position: int, row: MeasuredRow, limit_ms: float) -> None:
    """Write the total and the verdict to the right of everything drawn."""
    total = row.total_ms
    x = limit_ms * 1.02
    axes.text(
        x,
        position + BAR_Y,
        f"{total.p50:.1f} ms",
        va="center",
        fontsize=13,
        weight="bold",
        color=INK,
    )
    axes.text(
        x,
        position + STRIP_Y,
        f"p90 {total.p90:.1f}   p99 {total.p99:.1f}   max {max(total.samples):.1f}",
        va="center",
        fontsize=8.5,
        color=FAINT,
    )
    causes = ", ".join(dict.fromkeys(reason.partition(":")[0] for reason in row.reasons))
    axes.text(
        limit_ms * TEXT_ROOM,
        position + BAR_Y,
        f"noisy: {causes}" if row.verdict == "noisy" else row.verdict,
        ha="right",
        va="center",
        fontsize=10,
        weight="bold",
        color=VERDICT_COLOURS[row.verdict],
    )


def _finish_axes(axes: Axes, rows: list[MeasuredRow], limit_ms: float) -> None:
    axes.set_xlim(0, limit_ms * TEXT_ROOM)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [fill(drawable(row.name), NAME_CHARACTERS) for row in rows])
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= limit_ms])
    axes.tick_params(axis="both", length=0, colors=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(
        "milliseconds from a picture in memory to its result   "
        "(bars: medians; whisker: 95 % interval; dots: runs; box: 10 % to 90 %; arrow: beyond)",
        fontsize=9,
        color=FAINT,
        loc="left",
    )


def _details(document: BenchDocument) -> str:
    protocol = document.protocol
    weights = ", ".join(dict.fromkeys(row.weights.name for row in document.rows))
    left_out = any(row.emulated for row in document.rows)
    return (
        f"{place(document)}; weights: {weights}\n"
        f"{protocol.mode} bench of {document.environment.started_at[:10]}: "
        f"{protocol.rounds} blocks of {protocol.samples_per_block} runs a row, in turns"
        + ("; emulated rows are in the table only" if left_out else "")
    )
