"""The plots of a report: which of its figures stand against which, and how files look in them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from topformer.verbs.report.charts import Axis, Chart, Mark, curves, scatter
from topformer.verbs.report.document import MeasuredCost, ReportDocument, ReportedFile
from topformer.verbs.report.judge import cost_text

COLOURS = 5


@dataclass(frozen=True, kw_only=True)
class Key:
    """How a file looks: its precision's colour, its target's shape."""

    colour: int
    shape: int
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A plot in both widths."""

    title: str
    # Which corner is best.
    hint: str
    charts: tuple[Chart, ...]


def keys_of(files: Sequence[ReportedFile]) -> dict[str, Key]:
    """Say how each file looks, by its name."""
    precisions = list(dict.fromkeys(file.precision for file in files))
    targets = list(dict.fromkeys(file.target for file in files))
    return {
        file.name: Key(
            colour=precisions.index(file.precision) % COLOURS, shape=targets.index(file.target)
        )
        for file in files
    }


def legend_of(files: Sequence[ReportedFile]) -> list[Key]:
    """Explain colours and shapes, those that there are."""
    keys = keys_of(files)
    told: dict[str, Key] = {}
    for file in files:
        text = f"{file.precision}, {file.target}"
        told.setdefault(
            text, Key(colour=keys[file.name].colour, shape=keys[file.name].shape, text=text)
        )
    return list(told.values())


def short_names(files: Sequence[ReportedFile]) -> dict[str, str]:
    """Call files in a plot by what tells them apart; all of the name where nothing else does."""
    parts: tuple[Callable[[ReportedFile], str], ...] = (
        _network,
        _size,
        lambda file: file.precision,
        lambda file: file.target,
    )
    varying = [part for part in parts if len({part(file) for file in files}) > 1]
    # A given file's own name says it all.
    names = {
        file.name: file.name
        if file.origin == "given"
        else " ".join(part(file) for part in varying) or file.name
        for file in files
    }
    unique = len(set(names.values())) == len(names)
    return names if unique else {file.name: file.name for file in files}


def line_names(files: Sequence[ReportedFile]) -> dict[str, str]:
    """Call lines, given a file of each, by the network and the precision, where these differ."""
    networks = {file.name: _network(file) for file in files}
    several = len(set(networks.values())) > 1
    return {
        file.name: f"{networks[file.name]} {file.precision}" if several else file.precision
        for file in files
    }


def draw_figures(document: ReportDocument) -> Iterator[Figure]:
    """Draw what is known: accuracy against cost and size, or cost against size; then by size."""
    files = [file for file in document.files if file.proof.passed]
    scored = [file for file in files if _accuracy(file) is not None]
    costed = [file for file in files if file.cost is not None]
    if not files:
        return
    names, keys = short_names(files), keys_of(document.files)

    def mark(file: ReportedFile, x: float, y: float, *, with_interval: bool = False) -> Mark:
        cost = file.cost
        return Mark(
            label=names[file.name],
            title=_title(file),
            x=x,
            y=y,
            interval=cost.interval_ms if with_interval and isinstance(cost, MeasuredCost) else None,
            colour=keys[file.name].colour,
            shape=keys[file.name].shape,
            ship=file.judgement.word == "ship",
        )

    accuracy = Axis(title=f"{document.measure}, %", start=None, least_span=1.0)
    size = Axis(title="size, MB", start=0.0, least_span=0.1)
    cost_axis = Axis(title=cost_title(document), start=0.0, least_span=0.1)
    both = [file for file in scored if file.cost is not None]
    if both:
        marks = [
            mark(file, _cost(file), _accuracy(file) or 0.0, with_interval=True) for file in both
        ]
        charts = scatter(marks, cost_axis, accuracy, more_is_better=True)
        title = f"Accuracy against {'latency' if not _emulated(document) else 'instructions'}"
        yield Figure(title=title, hint="↖ better", charts=tuple(charts))
    if scored:
        marks = [mark(file, file.size_bytes / 1e6, _accuracy(file) or 0.0) for file in scored]
        charts = scatter(marks, size, accuracy, more_is_better=True)
        yield Figure(title="Accuracy against size", hint="↖ better", charts=tuple(charts))
    elif costed:
        marks = [
            mark(file, _cost(file), file.size_bytes / 1e6, with_interval=True) for file in costed
        ]
        charts = scatter(marks, cost_axis, size, more_is_better=False)
        title = f"Size against {'latency' if not _emulated(document) else 'instructions'}"
        yield Figure(title=title, hint="↙ better", charts=tuple(charts))
    yield from _by_size(scored, document.measure, mark)


def _by_size(
    files: Sequence[ReportedFile], measure: str, mark: Callable[..., Mark]
) -> Iterator[Figure]:
    """Draw accuracy by input size, a line for each network and precision that has several."""
    lines: dict[tuple[str, str, str], dict[float, ReportedFile]] = {}
    for file in files:
        height, width = file.image_size
        line = lines.setdefault((file.weights.sha256, file.variant, file.precision), {})
        # Of several targets the first: their accuracy is the same within rounding.
        line.setdefault(round(sqrt(height * width), 1), file)
    several = [dict(sorted(line.items())) for line in lines.values() if len(line) > 1]
    if not several:
        return
    first = [next(iter(line.values())) for line in several]
    names = line_names(first)
    series = [
        [
            # The line is named where it ends; the axis tells the sizes.
            replace(
                mark(file, side, _accuracy(file) or 0.0),
                label=names[start.name] if side == max(line) else "",
            )
            for side, file in line.items()
        ]
        for start, line in zip(first, several, strict=True)
    ]
    sides = [side for line in several for side in line]
    span = max(sides) - min(sides)
    x = Axis(title="input size, pixels a side", start=None, least_span=0.1 * span)
    y = Axis(title=f"{measure}, %", start=None, least_span=1.0)
    charts = tuple(curves(series, x, y))
    yield Figure(title="Accuracy by input size", hint="", charts=charts)


def cost_title(document: ReportDocument) -> str:
    """Write what the cost is, with its unit."""
    if _emulated(document):
        return "million ARM instructions"
    threads = document.measured_on.threads if document.measured_on else 1
    return f"ms, {threads} thread{'s' if threads > 1 else ''}"


def _emulated(document: ReportDocument) -> bool:
    return document.measured_on is not None and document.measured_on.emulated


def _network(file: ReportedFile) -> str:
    """What a file was made from, as in "tiny"; a given one's own name."""
    return file.name.rsplit(" ", 3)[0] if file.origin == "exported" else file.name


def _size(file: ReportedFile) -> str:
    height, width = file.image_size
    return str(height) if height == width else f"{height}x{width}"


def _accuracy(file: ReportedFile) -> float | None:
    """In percent, as scores are read."""
    return None if file.score is None or file.score.accuracy is None else 100 * file.score.accuracy


def _cost(file: ReportedFile) -> float:
    """In milliseconds, or million instructions."""
    assert file.cost is not None
    return file.cost.total_ms if isinstance(file.cost, MeasuredCost) else file.cost.total / 1e6


def _title(file: ReportedFile) -> str:
    accuracy = _accuracy(file)
    told = [
        file.name,
        "" if accuracy is None or file.score is None else f"{file.score.measure} {accuracy:.2f} %",
        "" if file.cost is None else cost_text(file.cost),
        f"{file.size_bytes / 1e6:.2f} MB",
    ]
    return ", ".join(one for one in told if one)
