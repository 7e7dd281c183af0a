"""Plots as numbers: where marks, ticks and labels lie. The page's template writes them as SVG."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, floor, log10
from typing import Literal

from topformer.text import columns

# Of the page's font in a plot.
FONT_PX = 12.5
# More than most letters take, in bold and else.
BOLD_PX, CHARACTER_PX = 7.6, 7.0
MARK_PX = 6.5
LINE_STEP_PX = 6.0
WIDE, NARROW = (640, 400), (360, 330)
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 50, 16, 30, 46
TICKS_WIDE, TICKS_NARROW = 8, 5


Point = tuple[float, float]
# Left, top, right, bottom.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One file in a plot, in the units of the axes."""

    label: str
    # What a pointer that rests on it is told.
    title: str
    x: float
    y: float
    # Of x; None where it is exact.
    interval: tuple[float, float] | None = None
    # Which colour and which shape, from 0.
    colour: int
    shape: int
    # On the frontier: filled, and named first.
    ship: bool


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What an axis shows."""

    title: str
    # Where the axis begins; None leaves it to the marks.
    start: float | None
    # Differences smaller than this share of it are not blown up to fill the plot.
    least_span: float


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A number on an axis, at so many pixels."""

    px: float
    text: str


@dataclass(frozen=True, kw_only=True)
class PlacedMark:
    """A mark in pixels; its label is empty where there is no room."""

    mark: Mark
    x: float
    y: float
    low: float | None
    high: float | None
    label: str
    label_x: float
    label_y: float
    anchor: Literal["start", "middle", "end"]


@dataclass(frozen=True, kw_only=True)
class PlacedLine:
    """A line through marks, as points of an SVG polyline."""

    colour: int
    points: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A plot in pixels."""

    kind: Literal["wide", "narrow"]
    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    x_title: str
    y_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[PlacedMark, ...]
    lines: tuple[PlacedLine, ...] = ()
    # The frontier as a path, and the area of what is beaten; empty where there is none.
    frontier: str = ""
    beaten: str = ""


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """From values to pixels."""

    low: float
    high: float
    start_px: float
    end_px: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start_px + share * (self.end_px - self.start_px), 1)


def scatter(marks: Sequence[Mark], x: Axis, y: Axis, *, more_is_better: bool) -> list[Chart]:
    """Draw files by what they cost (x) and give (y), wide and narrow.

    The frontier goes through the marks to ship. With `more_is_better` that holds for y; x is a
    cost always.
    """
    charts: list[Chart] = []
    for chart, to_x, to_y in _frames(marks, x, y):
        edge = chart.bottom if more_is_better else chart.top
        steps = _steps([mark for mark in marks if mark.ship], more_is_better=more_is_better)
        corners = _staircase([(to_x(a), to_y(b)) for a, b in steps], edge=edge, right=chart.right)
        path = "M" + " L".join(f"{a} {b}" for a, b in corners) if corners else ""
        charts.append(
            replace(
                chart,
                marks=_place(marks, chart, (to_x, to_y), [corners]),
                frontier=path,
                beaten=f"{path} V{edge} Z" if path else "",
            )
        )
    return charts


def curves(series: Sequence[Sequence[Mark]], x: Axis, y: Axis) -> list[Chart]:
    """Draw a line through the marks of each series, in their order; x are sides in pixels."""
    every = [mark for marks in series for mark in marks]
    charts: list[Chart] = []
    for chart, to_x, to_y in _frames(every, x, y):
        paths = [[(to_x(mark.x), to_y(mark.y)) for mark in marks] for marks in series]
        lines = tuple(
            PlacedLine(colour=marks[0].colour, points=" ".join(f"{a},{b}" for a, b in path))
            for marks, path in zip(series, paths, strict=True)
        )
        ticks = {mark.x: Tick(px=to_x(mark.x), text=f"{mark.x:.0f}") for mark in every}
        placed = _place(every, chart, (to_x, to_y), paths)
        charts.append(replace(chart, marks=placed, lines=lines, x_ticks=tuple(ticks.values())))
    return charts


def _frames(marks: Sequence[Mark], x: Axis, y: Axis) -> Iterator[tuple[Chart, _Scale, _Scale]]:
    """Place the marks in a plot of each width; yields what goes from values to pixels, too."""
    kinds: tuple[tuple[Literal["wide", "narrow"], tuple[int, int], int], ...] = (
        ("wide", WIDE, TICKS_WIDE),
        ("narrow", NARROW, TICKS_NARROW),
    )
    for kind, (width, height), most_ticks in kinds:
        left, right = MARGIN_LEFT, width - MARGIN_RIGHT
        top, bottom = MARGIN_TOP, height - MARGIN_BOTTOM
        ends = [end for mark in marks for end in mark.interval or ()]
        low, high = _range([*(mark.x for mark in marks), *ends], x)
        to_x = _Scale(low=low, high=high, start_px=left, end_px=right)
        low, high = _range([mark.y for mark in marks], y)
        to_y = _Scale(low=low, high=high, start_px=bottom, end_px=top)
        chart = Chart(
            kind=kind,
            width=width,
            height=height,
            left=left,
            right=right,
            top=top,
            bottom=bottom,
            x_title=x.title,
            y_title=y.title,
            x_ticks=tuple(_ticks(to_x, most_ticks)),
            y_ticks=tuple(_ticks(to_y, 5)),
            marks=(),
        )
        yield chart, to_x, to_y


def _range(values: Sequence[float], axis: Axis) -> tuple[float, float]:
    """Ends of an axis: some room on both sides, or from where it must start."""
    low, high = min(values), max(values)
    if axis.start is not None:
        return axis.start, max(high * 1.12, axis.start + axis.least_span)
    missing = max(0.0, axis.least_span - (high - low))
    low, high = low - missing / 2, high + missing / 2
    room = 0.12 * (high - low)
    return low - room, high + room


def _ticks(scale: _Scale, most: int) -> Iterator[Tick]:
    """Round numbers over an axis."""
    span = scale.high - scale.low
    rough = span / most
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    decimals = max(0, -floor(log10(step) + 1e-9))
    for number in range(ceil(scale.low / step - 1e-9), floor(scale.high / step + 1e-9) + 1):
        yield Tick(px=scale(number * step), text=f"{number * step:,.{decimals}f}")


def _steps(marks: Sequence[Mark], *, more_is_better: bool) -> list[tuple[float, float]]:
    """Return the marks that no other beats in both axes, by rising cost."""
    sign = 1 if more_is_better else -1
    steps: list[tuple[float, float]] = []
    for mark in sorted(marks, key=lambda mark: (mark.x, -sign * mark.y)):
        if not steps or sign * mark.y > sign * steps[-1][1]:
            steps.append((mark.x, mark.y))
    return steps


def _staircase(points: Sequence[Point], *, edge: float, right: float) -> list[Point]:
    """From the edge to the first point, then in steps, and to the right."""
    corners = [(points[0][0], edge)] if points else []
    for x, y in points:
        corners += [(x, corners[-1][1]), (x, y)]
    return [*corners, (right, corners[-1][1])] if corners else []


def _place(
    marks: Sequence[Mark],
    chart: Chart,
    scales: tuple[_Scale, _Scale],
    paths: Sequence[Sequence[Point]],
) -> tuple[PlacedMark, ...]:
    """Put labels where they cover neither marks nor lines nor each other, those to ship first."""
    plot = (chart.left, chart.top, chart.right, chart.bottom)
    taken = [box for path in paths for box in _boxes_along(path)]
    points = [(scales[0](mark.x), scales[1](mark.y)) for mark in marks]
    taken += [(x - MARK_PX, y - MARK_PX, x + MARK_PX, y + MARK_PX) for x, y in points]
    placed: dict[int, PlacedMark] = {}
    for index in sorted(range(len(marks)), key=lambda index: not marks[index].ship):
        mark, point = marks[index], points[index]
        width = columns(mark.label) * (BOLD_PX if mark.ship else CHARACTER_PX)
        found = _free_place(width, point, taken, plot)
        label_x, label_y, anchor, box = found or (0.0, 0.0, "start", None)
        if box is not None:
            taken.append(box)
        placed[index] = PlacedMark(
            mark=mark,
            x=point[0],
            y=point[1],
            low=None if mark.interval is None else scales[0](mark.interval[0]),
            high=None if mark.interval is None else scales[0](mark.interval[1]),
            label="" if box is None else mark.label,
            label_x=label_x,
            label_y=label_y,
            anchor=anchor,
        )
    return tuple(placed[index] for index in range(len(marks)))


def _boxes_along(path: Sequence[Point]) -> Iterator[Box]:
    """Cover a line with small boxes."""
    for (x, y), (next_x, next_y) in pairwise(path):
        pieces = 1 + int(max(abs(next_x - x), abs(next_y - y)) / LINE_STEP_PX)
        for piece in range(pieces + 1):
            a = x + (next_x - x) * piece / pieces
            b = y + (next_y - y) * piece / pieces
            yield a - 1, b - 1, a + 1, b + 1


def _free_place(
    width: float, mark: tuple[float, float], taken: Sequence[Box], plot: Box
) -> tuple[float, float, Literal["start", "middle", "end"], Box] | None:
    """Find room for a label to the right of a mark, to its left, above or below it."""
    x, y = mark
    gap, half = MARK_PX + 4, FONT_PX / 2
    anchors: tuple[tuple[float, float, Literal["start", "middle", "end"]], ...] = (
        (x + gap, y, "start"),
        (x - gap, y, "end"),
        (x - gap, y - gap, "end"),
        (x + gap, y + gap, "start"),
        (x, y - gap - half, "middle"),
        (x, y + gap + half, "middle"),
        (x + gap, y - gap, "start"),
        (x - gap, y + gap, "end"),
        (x - gap, y - 2 * gap, "end"),
        (x + gap, y + 2 * gap, "start"),
    )
    for label_x, label_y, anchor in anchors:
        left = label_x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        box = (left, label_y - half, left + width, label_y + half)
        inside = plot[0] <= box[0] and box[2] <= plot[2] and plot[1] <= box[1] <= box[3] <= plot[3]
        if inside and not any(_overlap(box, other) for other in taken):
            # Text stands on its base line.
            return round(label_x, 1), round(label_y + FONT_PX * 0.35, 1), anchor, box
    return None


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
