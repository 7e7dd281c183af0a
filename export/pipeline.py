"""The main job: weights in, verified files with their manifests out."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import torch

from topformer.errors import UsageError
from topformer.export.divergence import first_divergence
from topformer.export.inputs import ProofInput, picture_inputs, standard_inputs
from topformer.export.proof import (
    FP32_GATES,
    Reference,
    golden_cases,
    measure_float32,
    measure_level,
    refer,
    worst_reference,
)
from topformer.export.targets import Lowered, Target, get_target
from topformer.files import atomic_write, ensure_writable_folder, sha256_bytes
from topformer.fusion import fuse
from topformer.manifest import (
    Classes,
    FileInfo,
    LevelParity,
    Manifest,
    Parity,
    encode_document,
    manifest_path,
)
from topformer.model import TopFormer
from topformer.runtimes import open_network, require_unicode
from topformer.runtimes.torch_network import TorchNetwork, describe
from topformer.tasks import task_of
from topformer.variants import DEFAULT_SIZE
from topformer.weights import load_weights

OnStage = Callable[[str], None]


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


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network on its way to one or more targets: its forms, and how far they agree so far."""

    float64: TopFormer
    float32: TopFormer
    fused: TopFormer
    manifest: Manifest
    references: tuple[Reference, ...]
    standard_count: int
    levels: tuple[LevelParity, ...]
    picture_size: tuple[int, int] | None
    notes: tuple[str, ...] = ()


def export_model(
    *,
    weights: str | None = None,
    size: str | None = None,
    targets: Sequence[str],
    image_size: tuple[int, int],
    out_dir: Path,
    images_dir: Path | None = None,
    classes: Classes | None = None,
    on_stage: OnStage = lambda _stage: None,
) -> ExportResult:
    """Export one model to each target and prove every file before it gets its name.

    `image_size` is (height, width); `images_dir` adds the pictures of a folder to the proof;
    `classes` go before those that the weights name. `on_stage` hears what is being done. Raises
    `TopformerError` when something cannot be read or lowered; a failed proof is not raised but
    recorded in the result.
    """
    chosen = [get_target(name) for name in dict.fromkeys(targets)]
    if not chosen:
        raise UsageError("There is no target to export to.", next_step="Name one, as xnnpack.")
    require_unicode(out_dir)
    ensure_writable_folder(out_dir)
    subject = prepare(
        weights=weights,
        size=size,
        image_size=image_size,
        images_dir=images_dir,
        classes=classes,
        on_stage=on_stage,
    )
    return ExportResult(
        files=tuple(_export_to(target, subject, out_dir, on_stage) for target in chosen),
        picture_size=subject.picture_size,
        notes=subject.notes,
    )


def prepare(
    *,
    weights: str | None,
    size: str | None,
    image_size: tuple[int, int],
    images_dir: Path | None = None,
    classes: Classes | None = None,
    on_stage: OnStage = lambda _stage: None,
) -> Subject:
    """Load and fuse a network and measure the steps before any target."""
    on_stage("loading weights")
    if weights in {None, "random"}:
        size = size or DEFAULT_SIZE

    def show_transfer(received_bytes: int, total_bytes: int | None) -> None:
        total = f" of {total_bytes / 2**20:.1f}" if total_bytes else ""
        on_stage(f"fetching weights: {received_bytes / 2**20:.1f}{total} MiB")

    loaded = load_weights(weights, size=size, classes=classes, progress=show_transfer)
    manifest = describe(loaded, image_size)
    float32 = loaded.model
    float64 = copy.deepcopy(float32).double()
    fused = fuse(float32)
    on_stage("running the float64 reference")
    standard = list(standard_inputs(manifest.input))
    extra: list[ProofInput] = picture_inputs(images_dir, manifest.input) if images_dir else []
    references = refer(task_of(manifest), TorchNetwork(float64).run, [*standard, *extra])
    on_stage("comparing float32 and fused")
    float32_level = measure_float32(TorchNetwork(float32).run, references)
    fused_level = measure_level("fused", TorchNetwork(fused).run, references, float32_level)
    return Subject(
        float64=float64,
        float32=float32,
        fused=fused,
        manifest=manifest,
        references=tuple(references),
        standard_count=len(standard),
        levels=(float32_level, fused_level),
        picture_size=loaded.picture_size,
        notes=loaded.notes,
    )


def _export_to(target: Target, subject: Subject, out_dir: Path, on_stage: OnStage) -> ExportedFile:
    on_stage(f"lowering to {target.name}")
    example = torch.as_tensor(subject.references[0].input.tensor)
    lowered = target.lower(subject.fused, example)
    name = file_name(subject.manifest, target)
    manifest = _describe_file(subject, target, lowered, name)
    on_stage(f"proving {name}")
    out_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".topformer-", dir=out_dir) as folder:
        draft = Path(folder) / name
        draft.write_bytes(lowered.data)
        parity = prove_file(draft, manifest, subject, target, on_stage)
    manifest = msgspec.structs.replace(manifest, parity=parity)
    path = out_dir / name
    if not parity.passed:
        path = path.with_name(f"{name}.failed")
    description = encode_document(manifest)
    atomic_write(path, lowered.data)
    atomic_write(manifest_path(path), description)
    return ExportedFile(path=path, manifest=manifest)


def file_name(manifest: Manifest, target: Target) -> str:
    """Name of an exported file: what it is, and what it is for."""
    size = f"{manifest.input.height}x{manifest.input.width}"
    return f"topformer-{manifest.model.variant}-{size}-{target.name}{target.suffix}"


def prove_file(
    path: Path, manifest: Manifest, subject: Subject, target: Target, on_stage: OnStage
) -> Parity:
    """Run a file in its real runtime against the float64 reference, all steps between included."""
    network = open_network(path, manifest)
    file_level = measure_level("file", network.run, subject.references, subject.levels[0])
    levels = (*subject.levels, file_level)
    passed = all(level.passed for level in levels)
    divergence = "" if passed else _locate(levels, subject, target, on_stage)
    return Parity(passed=passed, gates=FP32_GATES, levels=levels, first_divergence=divergence)


def _locate(
    levels: Sequence[LevelParity], subject: Subject, target: Target, on_stage: OnStage
) -> str:
    """Name the first module that strays, at the first level that fails."""
    if all(entry.ill_conditioned for entry in levels[0].inputs):
        return "none named: torch's own float32 strays on every input, so nothing can be proved"
    on_stage("looking for the module that diverges")
    failing = next(level for level in levels if not level.passed)
    worst = worst_reference(failing, subject.references)
    candidate = subject.float32 if failing.level == "float32" else subject.fused
    module = first_divergence(
        subject.float64,
        candidate,
        worst.input.tensor,
        gate_db=next(e.required.sqnr_db for e in failing.inputs if e.input == worst.input.name),
        lowering=(target, subject.manifest) if failing.level == "file" else None,
    )
    return f"{failing.level}: {module or 'no single module; the whole graph or the file differs'}"


def _describe_file(subject: Subject, target: Target, lowered: Lowered, name: str) -> Manifest:
    return msgspec.structs.replace(
        subject.manifest,
        file=FileInfo(
            name=name,
            sha256=sha256_bytes(lowered.data),
            size_bytes=len(lowered.data),
            target=target.name,
            precision="fp32",
            libraries=lowered.libraries,
        ),
        delegation=lowered.delegation,
        # The user's own pictures are not at hand when the proof is repeated elsewhere.
        golden=golden_cases(subject.references[: subject.standard_count], subject.levels[0]),
    )
