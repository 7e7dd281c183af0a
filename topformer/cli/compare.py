"""`topformer compare`: how two benches differ, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import JsonOption, print_document, print_lines, warn
from topformer.errors import TopformerError

if TYPE_CHECKING:
    from topformer.benchmarks.documents.comparison import Comparison


def compare(
    baseline: Annotated[Path, typer.Argument(help="What `topformer bench --json` printed.")],
    contender: Annotated[
        Path | None,
        typer.Argument(help="Another such file. Left out: the rows of the first, paired in time."),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Show also what is not alike or not trusted.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Compare two benches row by row: ratios with intervals, or instruction counts.

    A ratio above 1 means that the second takes longer. Rows of one run are
    paired block by block; two runs are compared by their medians, with an
    allowance for what each drifted. What is not alike, such as other sizes,
    heads, devices or thread counts, is refused, and so is what is not trusted.

    Examples:

      topformer compare before.json after.json

      topformer compare bench.json --json
    """

    from topformer.benchmarks.documents.bench import read_bench  # noqa: PLC0415
    from topformer.benchmarks.documents.comparison import CompareDocument  # noqa: PLC0415
    from topformer.benchmarks.protocol import comparison, matching  # noqa: PLC0415
    from topformer.benchmarks.report.text import comparison_lines  # noqa: PLC0415

    first = read_bench(baseline)
    if contender is None:
        matched = matching.match_within(first)
    else:
        matched = matching.match_documents(first, read_bench(contender))
    if not matched.pairs:
        raise TopformerError(
            "There are no two rows to compare.",
            why="Rows belong together when model or variant, runtime, threads, precision, image "
            "size and device are equal.",
            next_step="Compare documents of one row each, or measure the same rows again.",
        )
    rows = [comparison.compare(*pair) for pair in matched.pairs]
    _refuse_or_warn(rows, anyway=anyway)
    for name in (*matched.baseline_only, *matched.contender_only):
        warn(f"{name}: nothing to compare it with.")
    if json:
        print_document(
            CompareDocument(
                baseline=str(baseline),
                contender=None if contender is None else str(contender),
                rows=tuple(rows),
                baseline_only=matched.baseline_only,
                contender_only=matched.contender_only,
            )
        )
    else:
        for one in rows:
            print_lines(comparison_lines(one))


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
