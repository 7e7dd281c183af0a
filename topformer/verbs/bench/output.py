"""How `topformer bench` tells what it found: tables and warnings, lines, a plot, the gate."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.report import text as report
from topformer.benchmarks.report.gate import check_gate
from topformer.benchmarks.report.plot import draw
from topformer.console.output import print_document, print_lines, tell_error, warn
from topformer.console.progress import progress_display, show_progress_line
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.errors import TopformerError
from topformer.files import atomic_write


@dataclass(frozen=True, kw_only=True)
class Display:
    """Who is told of a bench while it runs."""

    # While rows are planned, yields what is told of progress.
    planning: Callable[[], AbstractContextManager[Callable[[str], None]]]
    on_progress: Callable[[str], None]
    on_warning: Callable[[str], None]


ON_SCREEN = Display(planning=progress_display, on_progress=show_progress_line, on_warning=warn)


def show_bench(document: BenchDocument, *, plot: Path | None, as_json: bool) -> None:
    """Print a bench, and draw it if asked to."""
    if plot is not None:
        atomic_write(plot, draw(document))
    print_table(*report.tables(document))
    for warning in (*report.reasons(document), *report.half_precision_warnings(document)):
        warn(warning)
    for failure in document.failures:
        stderr().print(Text("error:", style="bold red"), f"{failure.device}:", end=" ")
        stderr().print(failure.what, failure.why, failure.next_step, soft_wrap=True)
    if any(row.weights.random for row in document.rows):
        warn("the weights are RANDOM: good for latency, and their results mean nothing.")
    if plot is not None:
        stderr().print(f"plot: {plot}")
    if as_json:
        print_document(document)
    else:
        print_lines(report.row_lines(document), shown=True)
        for one in document.comparisons:
            print_lines(report.comparison_lines(one))


def hold_to_gate(document: BenchDocument, baseline: BenchDocument) -> bool:
    """Compare with an earlier bench, say how they differ; false when this one is worse."""
    try:
        comparisons = check_gate(document, baseline, on_warning=warn)
    except TopformerError as error:
        # Told here: the document has been printed, and with --json an error would be a second one.
        tell_error(error)
        return False
    for one in comparisons:
        for line in report.comparison_lines(one):
            stderr().print(f"gate: {line}", soft_wrap=True)
    return True
