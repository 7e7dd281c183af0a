"""What `topformer bench` does: measure, tell what was found, and hold it to an earlier bench."""

from pathlib import Path

from topformer.benchmarks.documents.bench import read_bench
from topformer.errors import UsageError
from topformer.files import ensure_writable
from topformer.verbs.bench.choice import BenchChoice
from topformer.verbs.bench.measure import run_bench
from topformer.verbs.bench.output import hold_to_gate, show_bench


def run(choice: BenchChoice, *, plot: Path | None, gate: Path | None, as_json: bool) -> bool:
    """Measure what was chosen; false when a device failed, or the gate was missed."""
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"A plot is a PNG, and {plot} does not end in .png.")
    # Read before anything is measured: a bad file should not cost a bench. Nor should a bad place.
    baseline = read_bench(gate) if gate is not None else None
    if plot is not None:
        ensure_writable(plot)
    document = run_bench(choice)
    show_bench(document, plot=plot, as_json=as_json)
    as_good = baseline is None or hold_to_gate(document, baseline)
    return as_good and not document.failures
