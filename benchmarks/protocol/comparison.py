"""Rows of two benches, or of one, side by side: their ratios, and what makes them unlike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from topformer.benchmarks.documents.bench import BenchDocument, Comparison
from topformer.benchmarks.documents.rows import (
    ComparisonWord,
    CountedRow,
    Interval,
    MeasuredRow,
    Part,
    Row,
    counted_rows,
    measured_rows,
)
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
from topformer.manifest import Document, ShortText

# Counts repeat to a millionth; this is for what differs between two runs of a program's start.
COUNT_ALLOWANCE = 0.001
# No clock tells less than a nanosecond.
_LEAST_MS = 1e-6
# The bootstrap's, so that equal documents give equal answers.
_SEED = 0

COMPARED_PARTS: tuple[Part, ...] = ("execute_ms", "total_ms")
Kind = Literal["paired", "unpaired", "counted"]
PartName = Literal["execute", "postprocess", "total"]
RatioWord = Literal[ComparisonWord, "more instructions", "fewer instructions"]
WORSE: tuple[RatioWord, ...] = ("slower", "more instructions")
_MS_PARTS: dict[PartName, Part] = {
    "execute": "execute_ms",
    "postprocess": "postprocess_ms",
    "total": "total_ms",
}


class PartRatio(Document, frozen=True, kw_only=True):
    """One part of a row as a multiple of the baseline's."""

    part: PartName
    # Medians, in milliseconds or in instructions.
    baseline: float
    contender: float
    ratio: float
    # Null for counts, which are exact.
    interval: Interval | None
    # Ratios nearer to 1 than this are called no difference.
    allowance: float
    verdict: RatioWord


class RowComparison(Document, frozen=True, kw_only=True):
    """One row against another."""

    baseline: ShortText
    contender: ShortText
    # Milliseconds of one run, block by block; milliseconds of two runs; or instructions.
    kind: Kind
    # Share of the intervals that would hold the true value.
    confidence: float | None
    # In what the rows are not of one kind, so that no ranking means much.
    unlike: tuple[ShortText, ...]
    # Which of them was not measured well.
    doubts: tuple[ShortText, ...]
    parts: tuple[PartRatio, ...]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A row, and the document that it is from."""

    row: Row
    document: BenchDocument


def _device(one: Subject) -> str:
    # A device is named in its row; "host" may be any machine.
    return one.document.environment.cpu_model if one.row.device == "host" else one.row.device


# What must be equal for rows to be ranked, under the names that people know.
_FACTS: dict[str, Callable[[Subject], object]] = {
    "device": _device,
    "emulated CPU": lambda one: one.row.instructions and one.row.instructions.cpu,
    "cores": lambda one: one.row.cores and one.row.cores.effective,
    "threads": lambda one: one.row.threads,
    "precision": lambda one: one.row.precision,
    "image size": lambda one: "x".join(map(str, one.row.image_size)),
    "classes": lambda one: one.row.classes,
    "picture": lambda one: one.document.protocol.picture,
}


def compare(baseline: Subject, contender: Subject) -> RowComparison:
    """Compare two rows, whether or not they are of one kind.

    Raises `TopformerError` where there is nothing that both have: an emulated device has no
    latency, and a real one no instruction counts.
    """
    counted = counted_rows([baseline.row, contender.row])
    measured = measured_rows([baseline.row, contender.row])
    kind: Kind
    if len(counted) == 2:
        kind, parts = "counted", _count_ratios(counted[0], counted[1])
    elif len(measured) == 2:
        kind = "paired" if baseline.document is contender.document else "unpaired"
        parts = _ms_ratios(measured[0], measured[1], kind)
    else:
        raise TopformerError(
            "An emulated device cannot be compared with a real one.",
            why=f"{contender.row.name!r} and {baseline.row.name!r} have nothing in common: one "
            "has latencies, the other instruction counts, which are none.",
            next_step="Compare real with real, or emulated with emulated.",
        )
    return RowComparison(
        baseline=baseline.row.name,
        contender=contender.row.name,
        kind=kind,
        confidence=None if kind == "counted" else CONFIDENCE,
        unlike=tuple(_differences(baseline, contender)),
        doubts=tuple(_doubts(baseline.row, contender.row)),
        parts=tuple(parts),
    )


def _differences(baseline: Subject, contender: Subject) -> Iterator[str]:
    for name, fact in _FACTS.items():
        ours, theirs = fact(contender), fact(baseline)
        if ours != theirs:
            yield f"{name}: {_told(ours)} against {_told(theirs)}"


def _told(value: object) -> str:
    return "unknown" if value is None else str(value)


def _doubts(*rows: Row) -> Iterator[str]:
    for which, row in zip(("the baseline", "the contender"), rows, strict=True):
        if row.verdict not in ("trusted", "emulated"):
            yield f"{which} is {row.verdict}"


def _count_ratios(baseline: CountedRow, contender: CountedRow) -> Iterator[PartRatio]:
    ours, theirs = contender.instructions, baseline.instructions
    words: dict[ComparisonWord, RatioWord] = {
        "slower": "more instructions",
        "faster": "fewer instructions",
    }
    counts: dict[PartName, tuple[int, int]] = {
        "execute": (theirs.execute, ours.execute),
        "postprocess": (theirs.postprocess, ours.postprocess),
        "total": (theirs.total, ours.total),
    }
    for part, (before, after) in counts.items():
        ratio = after / before
        word = judge_ratio((ratio, ratio), allowance=COUNT_ALLOWANCE)
        yield PartRatio(
            part=part,
            baseline=before,
            contender=after,
            ratio=ratio,
            interval=None,
            allowance=COUNT_ALLOWANCE,
            verdict=words.get(word, word),
        )


def _ms_ratios(baseline: MeasuredRow, contender: MeasuredRow, kind: Kind) -> Iterator[PartRatio]:
    for name, part in _MS_PARTS.items():
        before, after = blocks_of(baseline, part), blocks_of(contender, part)
        if min(np.median(blocks, axis=1).min() for blocks in (before, after)) < _LEAST_MS:
            raise TopformerError(
                f"{contender.name!r} cannot be compared with {baseline.name!r}.",
                why=f"Blocks of {part} with a median of 0 ms have no ratio.",
            )
        median, interval, allowance = _ratio(before, after, kind)
        yield PartRatio(
            part=name,
            baseline=float(np.median(before)),
            contender=float(np.median(after)),
            ratio=median,
            interval=interval,
            allowance=allowance,
            verdict=judge_ratio(interval, allowance=allowance),
        )


def _ratio(before: Array, after: Array, kind: Kind) -> tuple[float, Interval, float]:
    if kind == "paired":
        paired = paired_ratio(after, before, seed=_SEED)
        return paired.median, paired.interval, RATIO_ALLOWANCE
    unpaired = unpaired_ratio(after, before, seed=_SEED)
    return unpaired.median, unpaired.interval, unpaired.allowance


def compare_rows(rows: Sequence[Row], *, seed: int) -> tuple[Comparison, ...]:
    """Compare the first row of each device and thread count with every other row of those.

    Rows of one device must come from one run, where block `i` of each was measured in the same
    round. Emulated rows are passed over: they have no latency.
    """
    comparisons: list[Comparison] = []
    # Stable: the first stays the first.
    in_groups = sorted(measured_rows(rows), key=_group)
    for _, group in groupby(in_groups, key=_group):
        first, *others = group
        for other in others:
            for part in COMPARED_PARTS:
                ratio = paired_ratio(blocks_of(first, part), blocks_of(other, part), seed=seed)
                comparisons.append(
                    Comparison(
                        row=first.name,
                        baseline=other.name,
                        part=part,
                        ratio=ratio,
                        verdict=judge_ratio(ratio.interval),
                    )
                )
    return tuple(comparisons)


def _group(row: Row) -> tuple[str, int]:
    return row.device, row.threads
