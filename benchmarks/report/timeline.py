"""A sustained bench over time: latency, frequency and temperature, one above the other."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from topformer.benchmarks.documents.bench import StateSample
from topformer.benchmarks.documents.rows import MeasuredRow
from topformer.benchmarks.protocol.statistics import blocks_of, first_and_last_third
from topformer.benchmarks.protocol.verdict import CAP_LOSS_LIMIT, FREQUENCY_LOSS_LIMIT
from topformer.figures import (
    FAINT,
    GREEN,
    INK,
    RED,
    SERIES,
    WARNING,
    WARNING_SHADE,
    Caption,
    captioned_figure,
    encode_png,
    shorten,
    tidy,
)
from topformer.fonts import drawable

WIDTH_IN = 11.0
LATENCY_HEIGHT_IN, STATE_HEIGHT_IN, MARGINS_IN = 3.6, 1.5, 0.8
HEADROOM = 1.2
NAME_CHARACTERS = 80
# Android's names of its thermal statuses.
STATUS_NAMES = ("cool", "light", "moderate", "severe", "critical", "emergency", "shutdown")


@dataclass(frozen=True, kw_only=True)
class Frequency:
    """Which frequency the samples tell, and the share of it whose loss is called throttling."""

    label: str
    loss_limit: float


# The verdict has the same limits.
CLOCK = Frequency(label="GHz, fastest CPU", loss_limit=FREQUENCY_LOSS_LIMIT)
CAP = Frequency(label="GHz allowed", loss_limit=CAP_LOSS_LIMIT)


@dataclass(frozen=True, kw_only=True)
class TimelineRow:
    """One line: when its blocks began, and the median of the total in each."""

    name: str
    starts_s: Sequence[float]
    medians_ms: Sequence[float]


def timeline_rows(rows: Sequence[MeasuredRow]) -> list[TimelineRow]:
    """Return the lines of rows that were measured."""
    return [
        TimelineRow(
            name=row.name,
            starts_s=row.block_starts_s,
            medians_ms=np.median(blocks_of(row, "total"), axis=1).tolist(),
        )
        for row in rows
    ]


def draw_timeline(
    rows: Sequence[TimelineRow],
    states: Sequence[StateSample],
    caption: Caption,
    *,
    frequency: Frequency = CLOCK,
) -> bytes:
    """Draw the rows, and below them what of the device's state is known; returns a PNG.

    Shaded where it was throttled: its thermal status was above 0, or its frequency below the
    highest until then by more than may be lost.
    """
    states = sorted(states, key=lambda state: state.at_s)
    panels = [
        (draw, points)
        for draw, pick in (
            (partial(_draw_frequency, label=frequency.label), lambda state: state.frequency_mhz),
            (_draw_temperature, lambda state: state.temperature_c),
        )
        if (points := _points(states, pick))
    ]
    heights = [LATENCY_HEIGHT_IN, *(STATE_HEIGHT_IN for _ in panels)]
    figure = captioned_figure(caption, WIDTH_IN, sum(heights) + MARGINS_IN)
    grid = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)
    first, *others = grid[:, 0]
    _draw_latency(first, rows)
    for axes, (draw, points) in zip(others, panels, strict=True):
        draw(axes, points)
    end_s = max([*(start for row in rows for start in row.starts_s), *(s.at_s for s in states)])
    throttled = list(_throttled(states, end_s, frequency.loss_limit))
    for axes in (first, *others):
        tidy(axes)
        axes.set_xlim(0, max(end_s, 1.0) / 60)
        for start_s, stop_s in throttled:
            axes.axvspan(start_s / 60, stop_s / 60, color=WARNING_SHADE, linewidth=0, zorder=0)
    last = grid[-1, 0]
    _mark(first, [(start_s, "throttled") for start_s, _ in throttled[:1]])
    _mark(last, _status_changes(states))
    last.set_xlabel("minutes", color=FAINT, loc="left")
    figure.align_ylabels()
    return encode_png(figure, description=caption.text)


def _points(
    states: Sequence[StateSample], pick: Callable[[StateSample], float | None]
) -> list[tuple[float, float]]:
    """Minutes and values of what is known."""
    picked = [(state.at_s / 60, pick(state)) for state in states]
    return [(at, value) for at, value in picked if value is not None]


def _draw_latency(axes: Axes, rows: Sequence[TimelineRow]) -> None:
    for number, row in enumerate(rows):
        colour = SERIES[number % len(SERIES)]
        first, last = first_and_last_third(np.array(row.medians_ms))
        name = shorten(drawable(row.name), NAME_CHARACTERS)
        label = f"{name}: {first:.1f} to {last:.1f} ms ({last / first - 1.0:+.0%})"
        minutes = np.array(row.starts_s) / 60
        axes.plot(minutes, row.medians_ms, ".-", color=colour, markersize=4, label=label)
    axes.set_ylim(0, HEADROOM * max(max(row.medians_ms) for row in rows))
    axes.set_ylabel("ms, picture to result", color=INK)
    # Above the lines, which may go anywhere.
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        title="medians of blocks; first third of the run to last third",
        title_fontsize=8,
        alignment="left",
    )
    legend.get_title().set_color(FAINT)


def _draw_frequency(axes: Axes, points: Sequence[tuple[float, float]], *, label: str) -> None:
    minutes, mhz = np.array(points).T
    axes.step(minutes, mhz / 1000, where="post", color=GREEN, linewidth=1.6)
    axes.set_ylim(0, HEADROOM * mhz.max() / 1000)
    axes.set_ylabel(label, color=INK)


def _draw_temperature(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    minutes, celsius = np.array(points).T
    axes.plot(minutes, celsius, color=RED, linewidth=1.6)
    axes.set_ylim(celsius.min() - 2.0, celsius.max() + 2.0)
    axes.set_ylabel("\N{DEGREE SIGN}C", color=INK)


def _status_changes(states: Sequence[StateSample]) -> Iterator[tuple[float, str]]:
    before = 0
    for state in states:
        if state.thermal_status is not None and state.thermal_status != before:
            before = state.thermal_status
            yield state.at_s, f"thermal status: {STATUS_NAMES[before]}"


def _mark(axes: Axes, marks: Iterable[tuple[float, str]]) -> None:
    """Write texts at the bottom of a panel, each where its time begins."""
    for at_s, text in marks:
        axes.annotate(
            text,
            (at_s / 60, 0.0),
            (4, 6),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=9,
            weight="bold",
            color=WARNING,
        )


def _throttled(
    states: Sequence[StateSample], end_s: float, loss_limit: float
) -> Iterator[tuple[float, float]]:
    """Yield spans of time, in seconds, each from its first sample to the one that ends it."""
    highest = 0.0
    start_s: float | None = None
    for state in states:
        highest = max(highest, state.frequency_mhz or 0.0)
        slow = state.frequency_mhz is not None and (
            state.frequency_mhz < (1.0 - loss_limit) * highest
        )
        hot = slow or bool(state.thermal_status)
        if hot and start_s is None:
            start_s = state.at_s
        elif not hot and start_s is not None:
            yield start_s, state.at_s
            start_s = None
    if start_s is not None:
        yield start_s, end_s
