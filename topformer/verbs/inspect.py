"""What `topformer inspect` does: show what is inside a model file."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from topformer.benchmarks.profiling import OperatorTime, plot_profile
from topformer.benchmarks.profiling import profile as profile_operators
from topformer.console.output import print_document, print_lines
from topformer.console.progress import stdout_for_results
from topformer.console.tables import print_table
from topformer.console.weights import announce_random, announce_unnamed, weights_as
from topformer.documents import Document, SchemaName
from topformer.errors import UsageError
from topformer.files import (
    ensure_writable,
    fitting_name,
    is_address,
    local_path,
    without_query,
)
from topformer.manifest import Classes, Manifest
from topformer.runtimes import GraphInfo, OpenedModel, find_runtime, inspect_graph, open_model

SHOWN_NAMES = 4


class InspectDocument(Document, frozen=True, kw_only=True):
    """What `inspect --json` prints."""

    schema: SchemaName = "topformer.inspect/1"
    path: str
    random_weights: bool
    manifest: Manifest
    # What was wrapped around a checkpoint's weights and taken off.
    notes: tuple[str, ...]
    graph: GraphInfo | None
    profile: tuple[OperatorTime, ...] | None
    plot: str | None


def run(*, file: str, profile: bool, plot: Path | None, as_json: bool) -> None:
    """Print a file's manifest, graph, delegates and memory plan, and profile it if asked to."""
    if plot and not profile:
        raise UsageError("--plot draws the profile.", next_step="Pass --profile too.")
    path = Path(file)
    with stdout_for_results(), weights_as(""):
        # First, so that the file is tried once.
        graph = inspect_graph(local_path(file)) if find_runtime(file) else None
        model = open_model(file)
        if profile:
            plot = plot or path.with_name(fitting_name(path.stem, ".profile.png"))
            ensure_writable(plot)
        times = None
        if plot:
            times = profile_operators(path, model)
            title = path.name
            if model.manifest.weights.is_random:
                title += " (random weights)"
            plot_profile(times, plot, title=title)
    announce_random(model.manifest.weights)
    announce_unnamed(model.manifest.classes, model.manifest.weights)
    if as_json:
        print_document(
            InspectDocument(
                path=without_query(file),
                random_weights=model.manifest.weights.is_random,
                manifest=model.manifest,
                notes=model.notes,
                graph=graph,
                profile=tuple(times) if times is not None else None,
                plot=str(plot) if plot else None,
            )
        )
        return
    print_lines(_describe(file, model, graph))
    if times is not None:
        _show_times(times)
        print_lines([f"profile: {plot}"])


def _describe(source: str, model: OpenedModel, graph: GraphInfo | None) -> list[str]:
    """Write what a person asks of a file first, a fact a line."""
    manifest, file = model.manifest, Path(source)
    weights = manifest.weights
    # A part of an address may be longer than a file's name.
    is_file = not is_address(source) and file.is_file()
    lines = [
        f"file: {file} ({file.stat().st_size:,} bytes)"
        if is_file
        else f"model: {without_query(source)}",
        f"model: {_network(manifest)}, {manifest.model.num_classes} classes "
        f"({manifest.classes.dataset}: {_some_names(manifest.classes)})",
        f"weights: {weights.name}{' (RANDOM)' if weights.is_random else ''}, "
        f"sha256 {weights.sha256[:12]}, licence: {weights.licence}",
        *(f"weights: {note}" for note in model.notes),
        f"input: {list(manifest.input.shape)} {manifest.input.colour_order} "
        f"mean {manifest.input.mean} std {manifest.input.std} resize {manifest.input.resize}",
        *(
            f"output: {list(output.shape)} {output.meaning} at 1/{output.stride}"
            for output in manifest.outputs
        ),
    ]
    if manifest.file:
        libraries = ", ".join(f"{name} {text}" for name, text in manifest.file.libraries.items())
        lines.append(f"exported: {manifest.file.target} {manifest.file.precision} by {libraries}")
    if manifest.parity:
        worst = manifest.parity.steps[-1].worst
        verdict = "passed" if manifest.parity.passed else "FAILED"
        lines.append(
            f"proof: {verdict}, SQNR {worst.sqnr_db:.1f} dB, "
            f"{model.task.noun} equal {worst.result_agreement:.4%}"
        )
        lines += [f"proof: {note}" for note in manifest.parity.notes]
    if manifest.delegation:
        delegation = manifest.delegation
        lines.append(
            f"delegation: {delegation.delegates} x {delegation.backend}, "
            f"{delegation.macs_inside_share:.1%} of the multiply-adds inside"
        )
        lines += [
            f"outside: {group.count} x {group.operator}: {group.reason}"
            for group in delegation.outside
        ] or ["outside: nothing"]
        lines += [f"note: {note}" for note in delegation.notes]
    if graph:
        lines.append(f"graph: {graph.format}; {', '.join(graph.operations)}")
        if graph.planned_memory_bytes is not None:
            lines.append(f"planned memory: {graph.planned_memory_bytes:,} bytes")
    return lines


def _network(manifest: Manifest) -> str:
    model = manifest.model
    if not model.detection_head:
        return f"TopFormer {model.variant}"
    return f"TopFormer {model.variant}, detector with head {model.detection_head}"


def _some_names(classes: Classes) -> str:
    shown = ", ".join(classes.names[:SHOWN_NAMES])
    return f"{shown}, ..." if len(classes.names) > SHOWN_NAMES else shown


def _show_times(times: Sequence[OperatorTime]) -> None:
    table = Table(title="time per operator (profiled: read the shares)", title_justify="left")
    table.add_column("operator")
    for heading in ("calls", "ms", "share"):
        table.add_column(heading, justify="right")
    for entry in times:
        table.add_row(
            entry.operator, str(entry.calls), f"{entry.time_ms:.3f}", f"{entry.share:.1%}"
        )
    print_table(table)
