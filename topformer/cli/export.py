"""`topformer export`: one model to one or more targets, each file proved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import (
    ClassesOption,
    JsonOption,
    announce_random,
    announce_unnamed,
    named_by,
    print_document,
    print_lines,
    stage_display,
    stderr,
    tell_form,
    tell_licence,
    weights_as,
)

if TYPE_CHECKING:
    from topformer.cli.documents import ExportDocument
    from topformer.export import ExportedFile, ExportResult
    from topformer.manifest import WeightsInfo


def export(
    target: Annotated[
        list[str] | None,
        typer.Option(help="Format to export to; repeat for more. Default: xnnpack and onnx."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="tiny, small or base. Default: the checkpoint's, or tiny.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Checkpoint: a path, an https URL, a published name, or `random`."),
    ] = None,
    image_size: Annotated[
        str, typer.Option(help="Input size in pixels: one side, or HEIGHTxWIDTH.")
    ] = "448",
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    images: Annotated[
        Path | None, typer.Option(help="Folder of pictures of yours to add to the proof.")
    ] = None,
    classes: ClassesOption = None,
    json: JsonOption = False,
) -> None:
    """Export a model and prove that each file computes what the checkpoint does.

    Each file gets its name only after it has run in its real runtime and agreed with the float64
    network. One that does not is kept as *.failed, and the command exits with 1.

    Examples:

      topformer export --size tiny --target xnnpack

      topformer export --weights model.pth --image-size 384x576 --images pictures
    """
    from topformer.export import export_model  # noqa: PLC0415
    from topformer.preprocess import parse_image_size  # noqa: PLC0415

    named = named_by(classes)
    with stage_display() as show_stage, weights_as("--weights "):
        result = export_model(
            weights=weights,
            size=size,
            targets=target or ["xnnpack", "onnx"],
            image_size=parse_image_size(image_size),
            out_dir=out,
            images_dir=images,
            classes=named,
            on_progress=show_stage,
        )
    for file in result.files:
        _report(file)
    suggest_size(result)
    info = result.files[0].manifest.weights
    tell_form(result.notes)
    announce_random(info)
    announce_unnamed(result.files[0].manifest.classes, info)
    tell_licence(info.licence)
    if json:
        print_document(_document(result, info))
    else:
        print_lines((file.path for file in result.files), shown=True)
    raise typer.Exit(0 if result.passed else 1)


def suggest_size(result: ExportResult) -> None:
    """Say which input size costs the same and stretches the training pictures less, if one does."""
    from topformer.preprocess import size_in_shape  # noqa: PLC0415

    if result.picture_size is None:
        return
    taken = result.files[0].manifest.input
    size = size_in_shape((taken.height, taken.width), result.picture_size)
    if size != (taken.height, taken.width):
        height, width = result.picture_size
        stderr().print(
            f"these weights learnt from pictures of {height}x{width}: --image-size "
            f"{size[0]}x{size[1]} costs the same and keeps their shape",
            soft_wrap=True,
        )


def _report(file: ExportedFile) -> None:
    from topformer.cli.parity import show_parity  # noqa: PLC0415

    manifest = file.manifest
    assert manifest.parity is not None
    assert manifest.delegation is not None
    show_parity(str(file.path), manifest.parity, manifest.model.task)
    delegation = manifest.delegation
    outside = sum(group.count for group in delegation.outside)
    inside = sum(group.count for group in delegation.inside)
    stderr().print(
        f"  {delegation.backend}: {delegation.delegates} delegate(s) with {inside} operators and "
        f"{delegation.macs_inside_share:.1%} of the multiply-adds; {outside} operators outside",
    )
    for group in delegation.outside:
        stderr().print(f"    outside: {group.count} x {group.operator}: {group.reason}")
    if delegation.planned_memory_bytes is not None:
        stderr().print(f"  planned memory: {delegation.planned_memory_bytes:,} bytes")
    for note in delegation.notes:
        stderr().print(f"  {note}")


def _document(result: ExportResult, info: WeightsInfo) -> ExportDocument:
    from topformer.cli.documents import ExportDocument, ExportedFileDocument  # noqa: PLC0415

    files: list[ExportedFileDocument] = []
    for exported in result.files:
        manifest = exported.manifest
        assert manifest.file is not None
        assert manifest.parity is not None
        assert manifest.delegation is not None
        files.append(
            ExportedFileDocument(
                path=str(exported.path),
                manifest=str(exported.manifest_path),
                target=manifest.file.target,
                precision=manifest.file.precision,
                size_bytes=manifest.file.size_bytes,
                sha256=manifest.file.sha256,
                parity=manifest.parity,
                delegation=manifest.delegation,
            )
        )
    return ExportDocument(
        passed=result.passed,
        weights=info,
        random_weights=info.is_random,
        notes=result.notes,
        files=tuple(files),
    )
