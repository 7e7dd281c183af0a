"""Two rows side by side, of one bench or of two: their ratios, and what makes them unlike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from topformer.benchmarks.documents.bench import Environment, SamplingProtocol
from topformer.benchmarks.documents.comparison import (
    Comparison,
    ComparisonKind,
    CountWord,
    PartRatio,
    RatioWord,
)
from topformer.benchmarks.documents.conditions import BUILD_TEXT, BuildKind, told_or_input_size
from topformer.benchmarks.documents.rows import PARTS, CountedRow, Interval, MeasuredRow, Row
from topformer.benchmarks.protocol.statistics import (
    CONFIDENCE,
    RATIO_ALLOWANCE,
    Array,
    blocks_of,
    judge_ratio,
    paired_ratio,
    unpaired_ratio,
)
from topformer.errors import TopformerError

# Counts repeat to a millionth; this is for what differs between two runs of a program's start.
COUNT_ALLOWANCE = 0.001
# No clock tells less than a nanosecond.
_LEAST_MS = 1e-6
# The bootstrap's, so that equal documents give equal answers.
_SEED = 0

WORSE: tuple[RatioWord | CountWord, ...] = ("slower", "more instructions")


@dataclass(frozen=True, kw_only=True)
class RowOfRun:
    """A row, and the run that it is from: rows of one run share its very protocol."""

    row: Row
    environment: Environment
    protocol: SamplingProtocol


def _device(one: RowOfRun) -> str:
    # A device is named in its row; "host" may be any machine.
    return one.environment.cpu_model if one.row.device == "host" else one.row.device


def _emulated_cpu(one: RowOfRun) -> str | None:
    return one.row.instructions.cpu if isinstance(one.row, CountedRow) else None


def _picture_size(one: RowOfRun) -> str:
    return told_or_input_size(one.row.picture, one.row.image_size).text


def _build(one: RowOfRun) -> str:
    # Documents from before it was told: nobody had built one with the NDK.
    before: BuildKind = "app" if one.row.runtime == "app" else "pypi"
    return BUILD_TEXT[one.row.build.kind if one.row.build else before]


# What must be equal for rows to be ranked, under the names that people know.
_FACTS: dict[str, Callable[[RowOfRun], object]] = {
    "device": _device,
    "emulated CPU": _emulated_cpu,
    "cores": lambda one: one.row.cores and one.row.cores.effective,
    "threads": lambda one: one.row.threads,
    "precision": lambda one: one.row.precision,
    "image size": lambda one: "x".join(map(str, one.row.image_size)),
    "task": lambda one: one.row.task,
    "detection head": lambda one: one.row.detection_head or "none",
    "classes": lambda one: one.row.classes,
    "picture": lambda one: one.protocol.picture,
    "picture size": _picture_size,
    "build": _build,
}


def compare(baseline: RowOfRun, contender: RowOfRun) -> Comparison:
    """Compare two rows, whether or not they are of one kind.

    Raises `TopformerError` where there is nothing that both have: an emulated device has no
    latency, and a real one no instruction counts. A part that takes no time is left out.
    """
    kind: ComparisonKind
    before, after = baseline.row, contender.row
    if isinstance(before, CountedRow) and isinstance(after, CountedRow):
        kind, parts = "counted", _count_ratios(before, after)
    elif isinstance(before, MeasuredRow) and isinstance(after, MeasuredRow):
        kind = "paired" if baseline.protocol is contender.protocol else "unpaired"
        parts = _ms_ratios(before, after, kind)
    else:
        raise TopformerError(
            "An emulated device cannot be compared with a real one.",
            why=f"{after.name!r} and {before.name!r} have nothing in common: one has latencies, "
            "the other instruction counts, which are none.",
            next_step="Compare real with real, or emulated with emulated.",
        )
    return Comparison(
        baseline=before.name,
        contender=after.name,
        kind=kind,
        confidence=None if kind == "counted" else CONFIDENCE,
        unlike=tuple(_differences(baseline, contender)),
        doubts=tuple(_doubts(before, after)),
        parts=tuple(parts),
    )


def _differences(baseline: RowOfRun, contender: RowOfRun) -> Iterator[str]:
    for name, fact in _FACTS.items():
        ours, theirs = fact(contender), fact(baseline)
        if ours != theirs:
            yield f"{name}: {_told(ours)} against {_told(theirs)}"


def _told(value: object) -> str:
    return "unknown" if value is None else str(value)


def _doubts(*rows: Row) -> Iterator[str]:
    for which, row in zip(("the baseline", "the contender"), rows, strict=True):
        if isinstance(row, MeasuredRow) and row.verdict != "trusted":
            yield f"{which} is {row.verdict}"


def _count_ratios(baseline: CountedRow, contender: CountedRow) -> Iterator[PartRatio]:
    words: dict[RatioWord, CountWord] = {
        "slower": "more instructions",
        "faster": "fewer instructions",
        "no difference": "no difference",
    }
    for part in PARTS:
        before, after = baseline.instructions.of(part), contender.instructions.of(part)
        ratio = after / before
        yield PartRatio(
            part=part,
            baseline=before,
            contender=after,
            ratio=ratio,
            interval=None,
            allowance=COUNT_ALLOWANCE,
            verdict=words[judge_ratio((ratio, ratio), allowance=COUNT_ALLOWANCE)],
        )


def _ms_ratios(
    baseline: MeasuredRow, contender: MeasuredRow, kind: ComparisonKind
) -> Iterator[PartRatio]:
    for part in PARTS:
        before, after = blocks_of(baseline, part), blocks_of(contender, part)
        if min(np.median(blocks, axis=1).min() for blocks in (before, after)) < _LEAST_MS:
            # A part may be no work at all; a whole run is some.
            if part != "total":
                continue
            raise TopformerError(
                f"{contender.name!r} cannot be compared with {baseline.name!r}.",
                why=f"Blocks of {part}_ms with a median of 0 ms have no ratio.",
            )
        median, interval, allowance = _ratio(before, after, kind)
        yield PartRatio(
            part=part,
            baseline=float(np.median(before)),
            contender=float(np.median(after)),
            ratio=median,
            interval=interval,
            allowance=allowance,
            verdict=judge_ratio(interval, allowance=allowance),
        )


def _ratio(before: Array, after: Array, kind: ComparisonKind) -> tuple[float, Interval, float]:
    if kind == "paired":
        paired = paired_ratio(after, before, seed=_SEED)
        return paired.median, paired.interval, RATIO_ALLOWANCE
    unpaired = unpaired_ratio(after, before, seed=_SEED)
    return unpaired.median, unpaired.interval, unpaired.allowance


def compare_run(
    rows: Sequence[Row], environment: Environment, protocol: SamplingProtocol
) -> tuple[Comparison, ...]:
    """Compare the first row of each device and thread count with every other row of those.

    Rows of one device must come from one run, where block `i` of each was measured in the same
    round. Emulated rows are passed over: they have no latency.
    """
    measured = [
        RowOfRun(row=row, environment=environment, protocol=protocol)
        for row in rows
        if isinstance(row, MeasuredRow)
    ]
    # Stable: the first stays the first.
    groups = groupby(sorted(measured, key=_group), key=_group)
    return tuple(compare(other, first) for _, (first, *others) in groups for other in others)


def _group(one: RowOfRun) -> tuple[str, int]:
    return one.row.device, one.row.threads
