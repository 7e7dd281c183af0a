"""Which row of one bench belongs to which row of another, or to which of its own run."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.rows import Row
from topformer.benchmarks.protocol.comparison import RowOfRun

Pair = tuple[RowOfRun, RowOfRun]


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Pairs of (baseline, contender), and the names of rows that have no other."""

    pairs: tuple[Pair, ...]
    baseline_only: tuple[str, ...] = ()
    contender_only: tuple[str, ...] = ()


def match_documents(baseline: BenchDocument, contender: BenchDocument) -> Matching:
    """Pair the rows of two runs by what was measured, or the only rows.

    By the names of the model files first, and where no pair is found, by the network's variant.
    """
    if len(baseline.rows) == len(contender.rows) == 1:
        return _matching(baseline, contender, key=lambda _: 0)
    found = _matching(baseline, contender, key=lambda row: (row.model, *_setting(row)))
    return found if found.pairs else _matching(baseline, contender, key=_setting)


def match_within(document: BenchDocument) -> Matching:
    """Pair every row of a run with the first one before it of equal device, task, size and threads.

    Devices that were measured side by side had a run each.
    """
    pairs: list[Pair] = []
    alone: list[str] = []
    firsts: dict[Hashable, Row] = {}
    for row in document.rows:
        network = (row.task, row.detection_head, row.image_size, row.classes, row.precision)
        what = (row.device, type(row), *network, row.threads)
        key = (document.run_of(row), *what)
        first = firsts.setdefault(key, row)
        if first is row:
            alone.append(row.name)
        else:
            pairs.append((_of_run(first, document), _of_run(row, document)))
    paired = {baseline.row.name for baseline, _ in pairs}
    return Matching(
        pairs=tuple(pairs), contender_only=tuple(name for name in alone if name not in paired)
    )


def _setting(row: Row) -> tuple[Hashable, ...]:
    return (
        row.variant,
        row.task,
        row.detection_head,
        row.runtime,
        row.form,
        row.threads,
        row.precision,
        row.image_size,
        row.device,
        type(row),
    )


def _matching(
    baseline: BenchDocument, contender: BenchDocument, *, key: Callable[[Row], Hashable]
) -> Matching:
    """Pair rows of equal keys; the n-th of several with the n-th."""
    waiting: defaultdict[Hashable, list[Row]] = defaultdict(list)
    for row in baseline.rows:
        waiting[key(row)].append(row)
    pairs: list[Pair] = []
    alone: list[str] = []
    for row in contender.rows:
        if others := waiting[key(row)]:
            other = others.pop(0)
            pairs.append((_of_run(other, baseline), _of_run(row, contender)))
        else:
            alone.append(row.name)
    left = {id(row) for rows in waiting.values() for row in rows}
    return Matching(
        pairs=tuple(pairs),
        baseline_only=tuple(row.name for row in baseline.rows if id(row) in left),
        contender_only=tuple(alone),
    )


def _of_run(row: Row, document: BenchDocument) -> RowOfRun:
    return RowOfRun(row=row, environment=document.environment, protocol=document.protocol)
