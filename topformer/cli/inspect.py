"""`topformer inspect`: what is inside a model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import (
    JsonOption,
    announce_random,
    print_document,
    print_lines,
    stderr,
    stdout_for_results,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from topformer.benchmarks.profiling import OperatorTime
    from topformer.export.inspection import GraphInfo
    from topformer.manifest import Manifest


def inspect(
    file: Annotated[Path, typer.Argument(help="A .pte, .onnx, .pth or .safetensors file.")],
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
    from topformer.runtimes import open_model, runtime_of  # noqa: PLC0415

    if plot and not profile:
        raise typer.BadParameter("--plot draws the profile: pass --profile too.")
    with stdout_for_results():
        model = open_model(file)
        if profile:
            plot = plot or file.with_name(fitting_name(file.stem, ".profile.png"))
            ensure_writable(plot)
        exported = runtime_of(file) != "torch"
        graph = _read_graph(file) if exported else None
        times = None
        if plot:
            from topformer.benchmarks.profiling import profile as profile_operators  # noqa: PLC0415

            times = profile_operators(file, model)
            title = file.name
            if model.manifest.weights.is_random:
                title += " (random weights)"
            _draw(times, plot, title)
    announce_random(model.manifest.weights)
    if json:
        from topformer.cli.inspect_document import InspectDocument  # noqa: PLC0415

        print_document(
            InspectDocument(
                path=str(file),
                random_weights=model.manifest.weights.is_random,
                manifest=model.manifest,
                graph=graph,
                profile=tuple(times) if times is not None else None,
                plot=str(plot) if plot else None,
            )
        )
        return
    print_lines(_describe(file, model.manifest, graph))
    if times is not None:
        _show_times(times)
        print_lines([f"profile: {plot}"])


def _read_graph(file: Path) -> GraphInfo:
    from topformer.export.inspection import inspect_graph  # noqa: PLC0415

    return inspect_graph(file)


def _draw(times: Sequence[OperatorTime], plot: Path, title: str) -> None:
    from topformer.benchmarks.profiling import plot_profile  # noqa: PLC0415

    plot_profile(times, plot, title=title)


def _describe(file: Path, manifest: Manifest, graph: GraphInfo | None) -> list[str]:
    """Write what a person asks of a file first, a fact a line."""
    weights = manifest.weights
    lines = [
        f"file: {file} ({file.stat().st_size:,} bytes)" if file.exists() else f"model: {file}",
        f"model: TopFormer {manifest.model.variant}, {manifest.model.num_classes} classes "
        f"({manifest.classes.dataset})",
        f"weights: {weights.name}{' (RANDOM)' if weights.is_random else ''}, "
        f"sha256 {weights.sha256[:12]}, licence: {weights.licence}",
        f"input: {list(manifest.input.shape)} {manifest.input.colour_order} "
        f"mean {manifest.input.mean} std {manifest.input.std} resize {manifest.input.resize}",
        f"output: {list(manifest.output.shape)} logits at 1/{manifest.output.stride}",
    ]
    if manifest.file:
        libraries = ", ".join(f"{name} {text}" for name, text in manifest.file.libraries.items())
        lines.append(f"exported: {manifest.file.target} {manifest.file.precision} by {libraries}")
    if manifest.parity:
        worst = manifest.parity.levels[-1].worst
        verdict = "passed" if manifest.parity.passed else "FAILED"
        lines.append(
            f"proof: {verdict}, SQNR {worst.sqnr_db:.1f} dB, "
            f"labels equal {worst.label_agreement:.4%}"
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
        lines.append(f"graph: {graph.format}; {', '.join(graph.steps)}")
        if graph.planned_memory_bytes is not None:
            lines.append(f"planned memory: {graph.planned_memory_bytes:,} bytes")
    return lines


def _show_times(times: Sequence[OperatorTime]) -> None:
    from rich.table import Table  # noqa: PLC0415

    table = Table(title="time per operator (profiled: read the shares)", title_justify="left")
    table.add_column("operator")
    for heading in ("calls", "ms", "share"):
        table.add_column(heading, justify="right")
    for entry in times:
        table.add_row(
            entry.operator, str(entry.calls), f"{entry.time_ms:.3f}", f"{entry.share:.1%}"
        )
    stderr().print(table)
