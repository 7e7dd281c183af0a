"""What `topformer export` does: one model to one or more targets, each file proved."""

from collections.abc import Sequence
from pathlib import Path

from topformer.classes import read_classes
from topformer.console.output import print_result
from topformer.console.progress import progress_display
from topformer.console.screen import stderr
from topformer.console.weights import (
    announce_random,
    announce_unnamed,
    tell_licence,
    tell_notes,
    weights_as,
)
from topformer.documents import Document, SchemaName
from topformer.errors import UsageError
from topformer.export import ExportedFile, ExportResult, export_model
from topformer.export.precisions import get_precision
from topformer.manifest import CalibrationInfo, Delegation, Parity, WeightsInfo
from topformer.preprocess import parse_image_size, size_in_shape
from topformer.tasks import task_named
from topformer.verbs.calibration import (
    choose_calibration,
    judging_data,
    refuse_unused_data,
    warn_of_bundled,
)
from topformer.verbs.parity import show_parity


class ExportedFileDocument(Document, frozen=True, kw_only=True):
    """One exported file."""

    path: str
    manifest: str
    target: str
    precision: str
    size_bytes: int
    sha256: str
    parity: Parity
    delegation: Delegation
    # Of precisions that are calibrated, else null.
    calibration: CalibrationInfo | None = None
    # Layers kept in float32, by module path.
    float_layers: tuple[str, ...] = ()


class ExportDocument(Document, frozen=True, kw_only=True):
    """What `export --json` prints."""

    schema: SchemaName = "topformer.export/1.2"
    passed: bool
    weights: WeightsInfo
    random_weights: bool
    # What was wrapped around the weights and taken off.
    notes: tuple[str, ...]
    files: tuple[ExportedFileDocument, ...]


def run(
    *,
    targets: Sequence[str] | None,
    precisions: Sequence[str],
    variant: str | None,
    weights: str | None,
    task: str | None,
    detection_head: str | None,
    image_size: str | None,
    out: Path,
    images: Path | None,
    classes: str | None,
    calibration: str | None,
    calibration_size: int,
    dataset: str | None,
    data: Path | None,
    max_drop: float | None,
    as_json: bool,
) -> bool:
    """Export a model to targets and prove each file; false when one failed its proof."""
    named = None if classes is None else read_classes(classes)
    refuse_unused_data(data, calibration=calibration, dataset=dataset)
    chosen = choose_calibration(calibration, data, pictures=calibration_size)
    if calibration is not None and not any(get_precision(one).calibrated for one in precisions):
        raise UsageError(
            f"--calibration is not used in {', '.join(precisions)}.",
            next_step="Add --precision int8, or leave it out.",
        )
    if dataset is None and max_drop is not None:
        raise UsageError(
            "--max-drop is measured on data.",
            next_step="Name them with --dataset KEY and --data ROOT.",
        )
    if max_drop is not None and not 0 <= max_drop <= 100:
        raise UsageError(
            f"--max-drop {max_drop} is no number of points.", next_step="Give 0 to 100."
        )
    judging = judging_data(dataset, data, max_drop=max_drop)
    with progress_display() as show_progress, weights_as("--weights "):
        result = export_model(
            weights=weights,
            variant=variant,
            task=None if task is None else task_named(task),
            detection_head=detection_head,
            targets=targets,
            precisions=precisions,
            image_size=None if image_size is None else parse_image_size(image_size),
            out_dir=out,
            images_dir=images,
            classes=named,
            calibration=chosen,
            judging=judging,
            on_progress=show_progress,
        )
    for file in result.files:
        _report(file)
    suggest_size(result)
    if any(file.manifest.file and file.manifest.file.calibration for file in result.files):
        warn_of_bundled(chosen)
    info = result.files[0].manifest.weights
    tell_notes(result.notes)
    announce_random(info)
    announce_unnamed(result.files[0].manifest.classes, info)
    tell_licence(info.licence)
    paths = [file.path for file in result.files]
    print_result(_document(result, info), paths, as_json=as_json, shown=True)
    return result.passed


def suggest_size(result: ExportResult) -> None:
    """Say which input size costs the same and stretches the training pictures less, if one does."""
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
    manifest = file.manifest
    assert manifest.parity is not None
    assert manifest.delegation is not None
    calibrated = manifest.file is not None and manifest.file.calibration is not None
    show_parity(str(file.path), manifest.parity, manifest.model.task, calibrated=calibrated)
    assert manifest.file is not None
    for layer in manifest.file.float_layers:
        stderr().print(f"  in float32: {layer}", soft_wrap=True)
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
                calibration=manifest.file.calibration,
                float_layers=manifest.file.float_layers,
            )
        )
    return ExportDocument(
        passed=result.passed,
        weights=info,
        random_weights=info.is_random,
        notes=result.notes,
        files=tuple(files),
    )
