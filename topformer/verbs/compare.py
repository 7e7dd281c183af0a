"""What `topformer compare` does: say how two benches differ, and whether they can be compared."""

from collections.abc import Sequence
from pathlib import Path

from topformer.benchmarks.documents.bench import read_bench
from topformer.benchmarks.documents.comparison import CompareDocument, Comparison
from topformer.benchmarks.protocol import matching
from topformer.benchmarks.protocol.comparison import compare
from topformer.benchmarks.report.text import comparison_lines
from topformer.console.output import print_result, warn
from topformer.errors import TopformerError


def run(*, baseline: Path, contender: Path | None, anyway: bool, as_json: bool) -> None:
    """Compare two benches, or the rows of one, and print the ratios.

    Raises `TopformerError` for what is not alike or not trusted, unless it is wanted `anyway`.
    """
    first = read_bench(baseline)
    if contender is None:
        matched = matching.match_within(first)
    else:
        matched = matching.match_documents(first, read_bench(contender))
    if not matched.pairs:
        raise TopformerError(
            "There are no two rows to compare.",
            why=matching.WITHIN_RUN if contender is None else matching.BETWEEN_RUNS,
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
    lines = [line for one in rows for line in comparison_lines(one)]
    print_result(document, lines, as_json=as_json)


def _refuse_or_warn(rows: Sequence[Comparison], *, anyway: bool) -> None:
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
