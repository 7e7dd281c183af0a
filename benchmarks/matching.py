"""Which row of one bench belongs to which row of another, and bench documents from files."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

from topformer.benchmarks.comparison import Subject
from topformer.benchmarks.documents import BenchDocument
from topformer.benchmarks.row_documents import Row
from topformer.documents import decode_document
from topformer.errors import TopformerError
from topformer.files import read_text

# Every sample of ten minutes of many rows fits.
DOCUMENT_LIMIT_BYTES = 256 * 2**20
MAKE_ONE = "Make one with `topformer bench --json > FILE.json`."

Pair = tuple[Subject, Subject]


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Pairs of (baseline, contender), and the names of rows that have no other."""

    pairs: tuple[Pair, ...]
    baseline_only: tuple[str, ...] = ()
    contender_only: tuple[str, ...] = ()


def read_bench(path: Path) -> BenchDocument:
    """Read what a bench wrote; raises `TopformerError` for anything else."""
    try:
        text = read_text(path, limit_bytes=DOCUMENT_LIMIT_BYTES, kind="bench document")
    except TopformerError as error:
        next_step = error.next_step or MAKE_ONE
        raise type(error)(error.what, why=error.why, next_step=next_step) from error
    refusal = f"{path} is not a bench document that this version understands."
    return decode_document(text, BenchDocument, refusal=refusal, next_step=MAKE_ONE)


def match_documents(baseline: BenchDocument, contender: BenchDocument) -> Matching:
    """Pair the rows of two runs by what was measured, or the only rows.

    By the names of the model files first, and where no pair is found, by the network's variant.
    """
    if len(baseline.rows) == len(contender.rows) == 1:
        return _matching(baseline, contender, key=lambda _: 0)
    found = _matching(baseline, contender, key=lambda row: (row.model, *_setting(row)))
    return found if found.pairs else _matching(baseline, contender, key=_setting)


def match_within(document: BenchDocument) -> Matching:
    """Pair every row of a run with the first one before it of equal device, size and threads.

    Devices that were measured side by side had a run each.
    """
    pairs: list[Pair] = []
    alone: list[str] = []
    firsts: dict[Hashable, Row] = {}
    for row in document.rows:
        what = (row.device, row.emulated, row.image_size, row.classes, row.precision, row.threads)
        key = (document.run_of(row), *what)
        first = firsts.setdefault(key, row)
        if first is row:
            alone.append(row.name)
        else:
            pairs.append(
                (Subject(row=first, document=document), Subject(row=row, document=document))
            )
    paired = {baseline.row.name for baseline, _ in pairs}
    return Matching(
        pairs=tuple(pairs), contender_only=tuple(name for name in alone if name not in paired)
    )


def _setting(row: Row) -> tuple[Hashable, ...]:
    return (
        row.variant,
        row.runtime,
        row.form,
        row.threads,
        row.precision,
        row.image_size,
        row.device,
        row.emulated,
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
            pairs.append(
                (Subject(row=other, document=baseline), Subject(row=row, document=contender))
            )
        else:
            alone.append(row.name)
    left = {id(row) for rows in waiting.values() for row in rows}
    return Matching(
        pairs=tuple(pairs),
        baseline_only=tuple(row.name for row in baseline.rows if id(row) in left),
        contender_only=tuple(alone),
    )
