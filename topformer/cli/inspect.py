"""`topformer inspect`: what is inside a model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import (
    JsonOption,
    announce_random,
    announce_unnamed,
    print_document,
    print_lines,
    stdout_for_results,
    weights_as,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from topformer.benchmarks.profiling import OperatorTime
    from topformer.manifest import Classes
    from topformer.runtimes import GraphInfo, OpenedModel

SHOWN_NAMES = 4


def inspect(
    file: Annotated[
        str, typer.Argument(help="A .pte, .onnx, .pth or .safetensors file, or a name.")
    ],
    profile: Annotated[
        bool, typer.Option("--profile", help="Run it and show the time per operator.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Where to draw the profile. Default: NAME.profile.png.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show a file's manifest, graph, delegates and memory plan.

    Examples:

      topformer inspect out/topformer-tiny-448x448-xnnpack.pte

      topformer inspect model.onnx --profile
    """
    from topformer.files import ensure_writable, fitting_name  # noqa: PLC0415
    from topformer.runtimes import find_runtime, inspect_graph, open_model  # noqa: PLC0415

    if plot and not profile:
        raise typer.BadParameter("--plot draws the profile: pass --profile too.")
    path = Path(file)
    with stdout_for_results(), weights_as(""):
        model = open_model(file)
        if profile:
            plot = plot or path.with_name(fitting_name(path.stem, ".profile.png"))
            ensure_writable(plot)
        graph = inspect_graph(path) if find_runtime(file) else None
        times = None
        if plot:
            from topformer.benchmarks.profiling import profile as profile_operators  # noqa: PLC0415

            times = profile_operators(path, model)
            title = path.name
            if model.manifest.weights.is_random:
                title += " (random weights)"
            _draw(times, plot, title)
    announce_random(model.manifest.weights)
    announce_unnamed(model.manifest.classes, model.manifest.weights)
    if json:
        from topformer.cli.inspect_document import InspectDocument  # noqa: PLC0415

        print_document(
            InspectDocument(
                path=file,
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


def _draw(times: Sequence[OperatorTime], plot: Path, title: str) -> None:
    from topformer.benchmarks.profiling import plot_profile  # noqa: PLC0415

    plot_profile(times, plot, title=title)


def _describe(source: str, model: OpenedModel, graph: GraphInfo | None) -> list[str]:
    """Write what a person asks of a file first, a fact a line."""
    manifest, file = model.manifest, Path(source)
    weights = manifest.weights
    lines = [
        f"file: {file} ({file.stat().st_size:,} bytes)" if file.exists() else f"model: {source}",
        f"model: TopFormer {manifest.model.variant}, {manifest.model.num_classes} classes "
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


def _some_names(classes: Classes) -> str:
    shown = ", ".join(classes.names[:SHOWN_NAMES])
    return f"{shown}, ..." if len(classes.names) > SHOWN_NAMES else shown


def _show_times(times: Sequence[OperatorTime]) -> None:
    from rich.table import Table  # noqa: PLC0415

    from topformer.cli.tables import print_table  # noqa: PLC0415

    table = Table(title="time per operator (profiled: read the shares)", title_justify="left")
    table.add_column("operator")
    for heading in ("calls", "ms", "share"):
        table.add_column(heading, justify="right")
    for entry in times:
        table.add_row(
            entry.operator, str(entry.calls), f"{entry.time_ms:.3f}", f"{entry.share:.1%}"
        )
    print_table(table)
