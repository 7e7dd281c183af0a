"""`topformer compare`: how two benches differ, and whether they can be compared at all."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import JsonOption


def compare(
    baseline: Annotated[Path, typer.Argument(help="What `topformer bench --json` printed.")],
    contender: Annotated[
        Path | None,
        typer.Argument(help="Another such file. Left out: the rows of the first, paired in time."),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Show also what is not alike or not trusted.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two benches row by row: ratios with intervals, or instruction counts.

    A ratio above 1 means that the second takes longer. Rows of one run are
    paired block by block; two runs are compared by their medians, with an
    allowance for what each drifted. What is not alike, such as other sizes,
    heads, devices, builds or thread counts, is refused, and so is what is not
    trusted.

    Examples:

      topformer compare before.json after.json

      topformer compare bench.json --json
    """
    from topformer.verbs.compare import run

    run(baseline=baseline, contender=contender, anyway=anyway, as_json=as_json)
