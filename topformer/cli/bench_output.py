"""How `topformer bench` tells what it found: tables and warnings, lines, a plot, the gate."""

from pathlib import Path

from rich.markup import escape

from topformer.benchmarks import report
from topformer.benchmarks.documents import BenchDocument
from topformer.benchmarks.gate import check_gate
from topformer.benchmarks.plot import draw
from topformer.cli.console import fail, print_document, print_lines, printable, stderr, warn
from topformer.cli.tables import print_table
from topformer.errors import TopformerError
from topformer.files import atomic_write


def show_stage_line(stage: str) -> None:
    """Tell what goes on, on a line of its own: a spinner would take CPU time from what runs."""
    stderr().print(f"{stage} ...", style="dim", markup=False)


def show_bench(document: BenchDocument, *, plot: Path | None, as_json: bool) -> None:
    """Print a bench, and draw it if asked to."""
    if plot is not None:
        atomic_write(plot, draw(document))
    print_table(*report.tables(document))
    for reason in report.reasons(document):
        warn(escape(reason))
    for failure in document.failures:
        stderr().print(f"[bold red]error:[/bold red] {escape(failure.device)}:", end=" ")
        stderr().print(failure.what, failure.why, failure.next_step, markup=False, soft_wrap=True)
    if any(row.weights.random for row in document.rows):
        warn("the weights are RANDOM: good for latency, not for anything the labels say.")
    if plot is not None:
        stderr().print(f"plot: {plot}", markup=False)
    if as_json:
        print_document(document)
    else:
        print_lines(report.summary_lines(document))


def hold_to_gate(document: BenchDocument, baseline: BenchDocument) -> None:
    """Compare with an earlier bench, and exit with 1 when this one is worse."""
    try:
        comparisons = check_gate(document, baseline, on_warning=lambda text: warn(escape(text)))
    except TopformerError as error:
        # The document has been printed: with --json, an error of its own would be a second one.
        fail(error, as_json=False)
    for one in comparisons:
        for part in one.parts:
            text = printable(f"gate: {one.contender}: {report.ratio_text(one, part)}")
            stderr().print(text, markup=False, soft_wrap=True)
