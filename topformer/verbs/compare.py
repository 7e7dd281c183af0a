"""What `topformer compare` does: say how two benches differ, and whether they can be compared."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from topformer.benchmarks.protocol import matching
from topformer.benchmarks.protocol.comparison import RowComparison, compare
from topformer.benchmarks.report.text import ratio_text
from topformer.console.output import print_result, warn
from topformer.errors import TopformerError
from topformer.manifest import Document, ShortText


class CompareDocument(Document, frozen=True, kw_only=True):
    """What `compare --json` prints: how many times as long, or as many, the contender takes."""

    schema: Literal["topformer.compare/1"] = "topformer.compare/1"
    baseline: str
    # Null where the rows of one document were compared with each other.
    contender: str | None
    rows: tuple[RowComparison, ...]
    # Names of rows that the other document does not have.
    baseline_only: tuple[ShortText, ...]
    contender_only: tuple[ShortText, ...]


def run(*, baseline: Path, contender: Path | None, anyway: bool, as_json: bool) -> None:
    """Compare two benches, or the rows of one, and print the ratios.

    Raises `TopformerError` for what is not alike or not trusted, unless it is wanted `anyway`.
    """
    first = matching.read_bench(baseline)
    if contender is None:
        matched = matching.match_within(first)
    else:
        matched = matching.match_documents(first, matching.read_bench(contender))
    if not matched.pairs:
        raise TopformerError(
            "There are no two rows to compare.",
            why="Rows belong together when model or variant, runtime, threads, precision, image "
            "size and device are equal.",
            next_step="Compare documents of one row each, or measure the same rows again.",
        )
    rows = [compare(*pair) for pair in matched.pairs]
    _refuse_or_warn(rows, anyway=anyway)
    for name in (*matched.baseline_only, *matched.contender_only):
        warn(f"{name}: nothing to compare it with.")
    document = CompareDocument(
        baseline=str(baseline),
        contender=None if contender is None else str(contender),
        rows=tuple(rows),
        baseline_only=matched.baseline_only,
        contender_only=matched.contender_only,
    )
    print_result(document, _lines(rows), as_json=as_json)


def _refuse_or_warn(rows: Sequence[RowComparison], *, anyway: bool) -> None:
    found = [
        f"{one.contender}: {', '.join((*one.unlike, *one.doubts))}"
        for one in rows
        if one.unlike or one.doubts
    ]
    if found and not anyway:
        raise TopformerError(
            "These benches should not be ranked.",
            why="; ".join(found) + ".",
            next_step="Measure both alike until they are trusted, or pass --anyway.",
        )
    for text in found:
        warn(f"not to be ranked: {text}.")


def _lines(rows: Sequence[RowComparison]) -> Iterator[str]:
    for one in rows:
        against = "" if one.baseline == one.contender else f" against {one.baseline}"
        for part in one.parts:
            yield f"{one.contender}{against}: {ratio_text(one, part)}"
