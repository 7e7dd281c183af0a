"""The main job: weights in, verified files with their manifests out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from topformer.documents import encode_document
from topformer.errors import UsageError
from topformer.export.calibration import Calibration, bundled_calibration
from topformer.export.precisions import DEFAULT_PRECISION, Precision, get_precision
from topformer.export.preparation import OnProgress, PreparedNetwork, limits_of, prepare
from topformer.export.proof import golden_cases
from topformer.export.scoring import Judge, JudgingData, open_judge
from topformer.export.steps import ConvertedNetwork, convert, prove_file
from topformer.export.targets import DEFAULT_TARGETS, Lowered, Target, get_target
from topformer.files import ensure_writable_folder, sha256_bytes
from topformer.manifest import Classes, FileInfo, Manifest, Parity, manifest_path
from topformer.runtimes import require_unicode
from topformer.sets import write_set
from topformer.temporary import temporary_folder


@dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """A file that was written; one that failed its proof is called `*.failed`."""

    path: Path
    manifest: Manifest

    @property
    def manifest_path(self) -> Path:
        """Where the manifest was written."""
        return manifest_path(self.path)


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """What one export wrote, by precision and then by target, in the order they were asked for."""

    files: tuple[ExportedFile, ...]
    # Usual (height, width) of the pictures the weights were trained on, where they say so.
    picture_size: tuple[int, int] | None
    # What was wrapped around the weights and taken off, in sentences.
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every file passed its proof."""
        return all(file.manifest.parity and file.manifest.parity.passed for file in self.files)


def export_model(
    *,
    weights: str | None = None,
    variant: str | None = None,
    task: str | None = None,
    detection_head: str | None = None,
    targets: Sequence[str] | None = None,
    precisions: Sequence[str] = (DEFAULT_PRECISION,),
    image_size: tuple[int, int] | None = None,
    out_dir: Path,
    images_dir: Path | None = None,
    classes: Classes | None = None,
    calibration: Calibration | None = None,
    judging: JudgingData | None = None,
    on_progress: OnProgress = lambda _doing: None,
) -> ExportResult:
    """Export one model in each precision to each target; prove every file before it gets its name.

    `task`, as a manifest names it, and `detection_head` are for random weights; others know theirs,
    and must be of it. `targets` None stands for the usual ones that a precision is made for.
    `image_size` is (height, width); `images_dir` adds the pictures of a folder to the proof;
    `classes` go before those that the weights name. `calibration` is for precisions that learn from
    pictures, the bundled ones unless given. `judging` adds the score on its data to the proof, and
    lets precisions keep what costs too much as it is. `on_progress` hears what is being done.
    Raises `TopformerError` when something cannot be read or lowered; a failed proof is not raised
    but recorded in the result.
    """
    chosen = _combine(precisions, targets)
    require_unicode(out_dir)
    ensure_writable_folder(out_dir)
    prepared = prepare(
        weights=weights,
        variant=variant,
        task=task,
        detection_head=detection_head,
        image_size=image_size,
        images_dir=images_dir,
        classes=classes,
        on_progress=on_progress,
    )
    judge = None if judging is None else open_judge(judging, prepared.manifest, prepared.fused)
    max_drop = None if judging is None else judging.max_drop
    calibration = calibration or bundled_calibration()
    export = partial(_export_to, calibration=calibration, out_dir=out_dir, on_progress=on_progress)
    files: list[ExportedFile] = []
    for precision, fitting in chosen:
        calibrates = precision.calibrated
        converted = convert(
            prepared,
            precision,
            calibration=calibration.tensors(prepared.manifest.input) if calibrates else (),
            foreign=calibration.is_bundled,
            budget=None if judge is None or max_drop is None else judge.budget(max_drop),
            on_progress=on_progress,
        )
        files += [export(target, converted, judge=judge) for target in fitting]
    return ExportResult(
        files=tuple(files), picture_size=prepared.picture_size, notes=prepared.notes
    )


def _combine(
    precisions: Sequence[str], targets: Sequence[str] | None
) -> list[tuple[Precision, list[Target]]]:
    """Find what is to be made; raises `UsageError` for a target that a precision is not for."""
    if targets is not None and not targets:
        raise UsageError("There is no target to export to.", next_step="Name one, as xnnpack.")
    named = [get_target(name) for name in dict.fromkeys(targets or DEFAULT_TARGETS)]
    chosen: list[tuple[Precision, list[Target]]] = []
    for precision in map(get_precision, dict.fromkeys(precisions)):
        fitting = [target for target in named if precision.fits(target.name)]
        if not fitting or (targets and len(fitting) < len(named)):
            left = next(target.name for target in named if target not in fitting)
            raise UsageError(
                f"There is no {precision.name} for {left}.",
                why=f"It is made for {', '.join(precision.targets or ())}.",
                next_step="Leave one of the two out.",
            )
        chosen.append((precision, fitting))
    return chosen


def _export_to(
    target: Target,
    converted: ConvertedNetwork,
    *,
    judge: Judge | None,
    calibration: Calibration,
    out_dir: Path,
    on_progress: OnProgress,
) -> ExportedFile:
    prepared, precision = converted.prepared, converted.precision
    on_progress(f"lowering to {target.name}")
    lowered = target.lower(converted.network, prepared.examples[0])
    name = file_name(prepared, precision, target)
    on_progress(f"proving {name}")
    out_dir.mkdir(parents=True, exist_ok=True)
    limits = limits_of(prepared, precision)
    score = None if judge is None else partial(judge.judge, max_drop=limits.max_drop)
    with temporary_folder(out_dir) as folder:
        draft = folder / name
        draft.write_bytes(lowered.data)
        parity = prove_file(draft, converted, target, on_progress, score=score)
    manifest = _describe_file(
        name=name,
        target=target,
        converted=converted,
        lowered=lowered,
        parity=parity,
        calibration=calibration,
    )
    path = out_dir / name
    if not parity.passed:
        path = path.with_name(f"{name}.failed")
    write_set({path: lowered.data, manifest_path(path): encode_document(manifest)})
    return ExportedFile(path=path, manifest=manifest)


def file_name(prepared: PreparedNetwork, precision: Precision, target: Target) -> str:
    """Name of an exported file: what it is, and what it is for; fp32 goes without saying."""
    manifest = prepared.manifest
    model, size = manifest.model, f"{manifest.input.height}x{manifest.input.width}"
    kind = "-".join(filter(None, (model.variant, model.detection_head)))
    is_default = precision.name == DEFAULT_PRECISION
    form = target.name if is_default else f"{target.name}-{precision.name}"
    return f"topformer-{kind}-{size}-{form}{target.suffix}"


def _describe_file(
    *,
    name: str,
    target: Target,
    converted: ConvertedNetwork,
    lowered: Lowered,
    parity: Parity,
    calibration: Calibration,
) -> Manifest:
    prepared, precision = converted.prepared, converted.precision
    return msgspec.structs.replace(
        prepared.manifest,
        file=FileInfo(
            name=name,
            sha256=sha256_bytes(lowered.data),
            size_bytes=len(lowered.data),
            target=target.name,
            precision=precision.name,
            libraries=lowered.libraries,
            calibration=calibration.describe() if precision.calibrated else None,
            float_layers=converted.float_layers,
        ),
        parity=parity,
        delegation=msgspec.structs.replace(
            lowered.delegation, notes=(*lowered.delegation.notes, *precision.notes)
        ),
        # The user's own pictures are not at hand when the proof is repeated elsewhere.
        golden=golden_cases(
            prepared.standard,
            prepared.yardstick,
            limits_of(prepared, precision).gates,
            strays=converted.strays,
        ),
    )
