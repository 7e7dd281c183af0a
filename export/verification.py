"""Repeat the proof of an exported file, from its manifest alone or against its checkpoint."""

from pathlib import Path

from topformer.errors import TopformerError, UsageError
from topformer.export.inputs import standard_inputs
from topformer.export.pipeline import OnStage, prepare, prove_file
from topformer.export.proof import check_golden
from topformer.export.targets import get_target
from topformer.manifest import Manifest, Parity, read_manifest_of
from topformer.runtimes import open_model


def verify_file(
    path: Path,
    *,
    weights: str | None = None,
    images_dir: Path | None = None,
    on_stage: OnStage = lambda _stage: None,
) -> tuple[Manifest, Parity]:
    """Prove a file again and return its manifest with the new proof.

    Without `weights` the file is compared with the golden samples of its manifest; with them, with
    the float64 network, through every step. Raises `TopformerError` when the file is not the one
    its manifest describes, or `weights` are not those it was made from.
    """
    if images_dir and not weights:
        raise UsageError(
            "--images needs --weights.",
            why="The manifest holds answers for the bundled inputs only.",
            next_step="Pass the checkpoint that the file was made from.",
        )
    on_stage("checking the manifest")
    manifest = read_manifest_of(path)
    assert manifest.file is not None
    if not weights:
        model = open_model(path)
        on_stage("comparing with the manifest's samples")
        return manifest, check_golden(manifest, model.run, standard_inputs(manifest.input))
    subject = prepare(
        weights=weights,
        size=manifest.model.variant,
        image_size=(manifest.input.height, manifest.input.width),
        images_dir=images_dir,
        on_stage=on_stage,
    )
    if subject.manifest.weights.sha256 != manifest.weights.sha256:
        raise TopformerError(
            f"{path.name} was not made from these weights.",
            why=f"The manifest names {manifest.weights.name} ({manifest.weights.sha256[:12]}), "
            f"these are {subject.manifest.weights.sha256[:12]}.",
        )
    on_stage(f"proving {path.name}")
    target = get_target(manifest.file.target)
    return manifest, prove_file(path, manifest, subject, target, on_stage)
