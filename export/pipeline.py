"""The main job: weights in, verified files with their manifests out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import torch

from topformer.documents import encode_document
from topformer.errors import UsageError
from topformer.export.precisions import DEFAULT_PRECISION, get_precision
from topformer.export.proof import golden_cases
from topformer.export.steps import OnProgress, PreparedNetwork, prepare, prove_file
from topformer.export.targets import Lowered, Target, get_target
from topformer.files import atomic_write, ensure_writable_folder, sha256_bytes
from topformer.manifest import Classes, FileInfo, Manifest, Parity, manifest_path
from topformer.runtimes import require_unicode


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
    """What one export wrote, in the order of its targets."""

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
    targets: Sequence[str],
    precision: str = DEFAULT_PRECISION,
    image_size: tuple[int, int],
    out_dir: Path,
    images_dir: Path | None = None,
    classes: Classes | None = None,
    on_progress: OnProgress = lambda _doing: None,
) -> ExportResult:
    """Export one model to each target and prove every file before it gets its name.

    `image_size` is (height, width); `images_dir` adds the pictures of a folder to the proof;
    `classes` go before those that the weights name. `on_progress` hears what is being done. Raises
    `TopformerError` when something cannot be read or lowered; a failed proof is not raised but
    recorded in the result.
    """
    chosen = [get_target(name) for name in dict.fromkeys(targets)]
    if not chosen:
        raise UsageError("There is no target to export to.", next_step="Name one, as xnnpack.")
    require_unicode(out_dir)
    ensure_writable_folder(out_dir)
    prepared = prepare(
        weights=weights,
        variant=variant,
        image_size=image_size,
        precision=get_precision(precision),
        images_dir=images_dir,
        classes=classes,
        on_progress=on_progress,
    )
    return ExportResult(
        files=tuple(_export_to(target, prepared, out_dir, on_progress) for target in chosen),
        picture_size=prepared.picture_size,
        notes=prepared.notes,
    )


def _export_to(
    target: Target, prepared: PreparedNetwork, out_dir: Path, on_progress: OnProgress
) -> ExportedFile:
    on_progress(f"lowering to {target.name}")
    example = torch.as_tensor(prepared.standard[0].input.tensor)
    lowered = target.lower(prepared.converted, example)
    name = file_name(prepared, target)
    on_progress(f"proving {name}")
    out_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".topformer-", dir=out_dir) as folder:
        draft = Path(folder) / name
        draft.write_bytes(lowered.data)
        parity = prove_file(draft, prepared, target, on_progress)
    manifest = _describe_file(name, target, prepared, lowered, parity)
    path = out_dir / name
    if not parity.passed:
        path = path.with_name(f"{name}.failed")
    description = encode_document(manifest)
    atomic_write(path, lowered.data)
    atomic_write(manifest_path(path), description)
    return ExportedFile(path=path, manifest=manifest)


def file_name(prepared: PreparedNetwork, target: Target) -> str:
    """Name of an exported file: what it is, and what it is for; fp32 goes without saying."""
    manifest, precision = prepared.manifest, prepared.precision.name
    size = f"{manifest.input.height}x{manifest.input.width}"
    form = target.name if precision == DEFAULT_PRECISION else f"{target.name}-{precision}"
    return f"topformer-{manifest.model.variant}-{size}-{form}{target.suffix}"


def _describe_file(
    name: str, target: Target, prepared: PreparedNetwork, lowered: Lowered, parity: Parity
) -> Manifest:
    return msgspec.structs.replace(
        prepared.manifest,
        file=FileInfo(
            name=name,
            sha256=sha256_bytes(lowered.data),
            size_bytes=len(lowered.data),
            target=target.name,
            precision=prepared.precision.name,
            libraries=lowered.libraries,
        ),
        parity=parity,
        delegation=lowered.delegation,
        # The user's own pictures are not at hand when the proof is repeated elsewhere.
        golden=golden_cases(prepared.standard, prepared.yardstick, prepared.precision.gates),
    )
