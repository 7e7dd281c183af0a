"""Which row of one bench belongs to which row of another, or to which of its own run."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.rows import Row
from topformer.benchmarks.protocol.comparison import RowOfRun

Pair = tuple[RowOfRun, RowOfRun]
# What a row of a document is found by.
Key = Callable[[Row, BenchDocument], Hashable]
# What the keys below hold, in words.
BETWEEN_RUNS = (
    "Rows of two runs belong together when model or variant, task, head, runtime and its form, "
    "threads, precision, image size and device are equal, and both have times or both counts of "
    "instructions; where a run has several devices of one name, their serials too."
)
WITHIN_RUN = (
    "Rows of one run belong together when task, head, classes, threads, precision, image size, "
    "device and its serial are equal, and both have times or both counts of instructions."
)


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Pairs of (baseline, contender), and the names of rows that have no other."""

    pairs: tuple[Pair, ...]
    baseline_only: tuple[str, ...] = ()
    contender_only: tuple[str, ...] = ()


def match_documents(baseline: BenchDocument, contender: BenchDocument) -> Matching:
    """Pair the rows of two runs by what was measured, or the only rows.

    By the names of the model files first, and where no pair is found, by the network's variant.
    Another device of the same name serves as well, unless either run had several of them.
    """
    if len(baseline.rows) == len(contender.rows) == 1:
        return _matching(baseline, contender, key=lambda _row, _of: 0)
    alike = _names_of_several(baseline) | _names_of_several(contender)

    def setting(row: Row, document: BenchDocument) -> tuple[Hashable, ...]:
        return (*_setting(row), document.run_of(row) if row.device in alike else "")

    found = _matching(baseline, contender, key=lambda row, of: (row.model, *setting(row, of)))
    return found if found.pairs else _matching(baseline, contender, key=setting)


def match_within(document: BenchDocument) -> Matching:
    """Pair every row with the first one before it, as `WITHIN_RUN` says.

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


def _names_of_several(document: BenchDocument) -> set[str]:
    """Names that several devices of a run share."""
    counts = Counter(device.facts.name for device in document.devices)
    return {name for name, count in counts.items() if count > 1}


def _own_name(row: Row, document: BenchDocument) -> str:
    """Name of a row, whether or not other devices were measured beside its own."""
    return row.name.removeprefix(f"{document.run_of(row)}: ")


def _matching(baseline: BenchDocument, contender: BenchDocument, *, key: Key) -> Matching:
    """Pair rows of equal keys: those of one name, then the n-th that is left with the n-th."""
    keys: tuple[Key, Key] = (lambda row, of: (_own_name(row, of), key(row, of)), key)
    # Numbers of rows: of the contender's, and of those that they are compared with.
    found: dict[int, int] = {}
    for one in keys:
        waiting: defaultdict[Hashable, list[int]] = defaultdict(list)
        taken = set(found.values())
        for number, row in enumerate(baseline.rows):
            if number not in taken:
                waiting[one(row, baseline)].append(number)
        for number, row in enumerate(contender.rows):
            if number not in found and (others := waiting[one(row, contender)]):
                found[number] = others.pop(0)
    before, after = baseline.rows, contender.rows
    return Matching(
        pairs=tuple(
            (_of_run(before[found[number]], baseline), _of_run(row, contender))
            for number, row in enumerate(after)
            if number in found
        ),
        baseline_only=tuple(row.name for n, row in enumerate(before) if n not in found.values()),
        contender_only=tuple(row.name for n, row in enumerate(after) if n not in found),
    )


def _of_run(row: Row, document: BenchDocument) -> RowOfRun:
    return RowOfRun(row=row, environment=document.environment, protocol=document.protocol)
