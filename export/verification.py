"""Repeat the proof of an exported file, from its manifest alone or against its checkpoint."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec

from topformer.errors import TopformerError, UsageError
from topformer.export.inputs import standard_inputs
from topformer.export.precisions import get_precision
from topformer.export.preparation import OnProgress, manifest_held_to, prepare
from topformer.export.proof import check_golden
from topformer.export.steps import convert, prove_file, unconverted
from topformer.export.targets import get_target
from topformer.manifest import Manifest, Parity, read_manifest_of
from topformer.runtimes import open_model, try_model
from topformer.text import brief


def verify_file(
    path: Path,
    *,
    weights: str | None = None,
    images_dir: Path | None = None,
    on_progress: OnProgress = lambda _doing: None,
) -> tuple[Manifest, Parity]:
    """Prove a file again and return its manifest with the new proof.

    Without `weights` the file is compared with the golden samples of its manifest; with them, with
    the float64 network, through every step but that of a calibrated precision, whose pictures are
    not at hand. Raises `TopformerError` when the file is not the one
    its manifest describes, or `weights` are not those it was made from.
    """
    if images_dir and weights is None:
        raise UsageError(
            "--images needs --weights.",
            why="The manifest holds answers for the bundled inputs only.",
            next_step="Pass the checkpoint that the file was made from.",
        )
    on_progress("checking the manifest")
    manifest = read_manifest_of(path)
    assert manifest.file is not None
    precision, model_info = get_precision(manifest.file.precision), manifest.model
    gates = precision.limits(model_info.task).gates
    on_progress(f"trying {path.name}")
    try_model(path, manifest)
    if weights is None:
        model = open_model(path)
        on_progress("comparing with the manifest's samples")
        inputs = standard_inputs(manifest.input)
        return manifest, check_golden(manifest, model.run, inputs, gates)
    prepared = prepare(
        weights=weights,
        variant=model_info.variant,
        task=model_info.task,
        detection_head=model_info.detection_head or None,
        image_size=(manifest.input.height, manifest.input.width),
        images_dir=images_dir,
        on_progress=on_progress,
    )
    if prepared.manifest.weights.sha256 != manifest.weights.sha256:
        raise TopformerError(
            f"{path.name} was not made from these weights.",
            why=f"The manifest names {manifest.weights.name} ({manifest.weights.sha256[:12]}), "
            f"these are {prepared.manifest.weights.sha256[:12]}.",
        )
    _refuse_other_description(manifest, manifest_held_to(prepared.manifest, precision), path)
    if precision.calibrated:
        strays = {case.input: case.required for case in manifest.golden if case.ill_conditioned}
        converted = unconverted(prepared, precision, strays=strays)
    else:
        converted = convert(prepared, precision)
    on_progress(f"proving {path.name}")
    target = get_target(manifest.file.target)
    return manifest, prove_file(path, converted, target, on_progress)


def _refuse_other_description(manifest: Manifest, made: Manifest, path: Path) -> None:
    """Refuse a manifest that says other things of the network than an export of it would.

    Whoever uses the file normalises pictures and reads its outputs by what stands there.
    """
    for name in ("input", "outputs", "detection"):
        stated, expected = getattr(manifest, name), getattr(made, name)
        if stated != expected:
            raise TopformerError(
                f"The manifest of {path.name} says other things of its {name} than these weights.",
                why=_first_difference(name, stated, expected),
                next_step="It was changed, or is of another version: export the file again.",
            )


def _first_difference(name: str, stated: object, expected: object) -> str:
    """Name the first field in which two descriptions differ, and what it is in each."""
    for part, one, other in _parts(name, stated, expected):
        if one != other:
            return _first_difference(part, one, other)
    return f"{name} is {brief(str(stated))} there; by these weights it is {brief(str(expected))}."


def _parts(name: str, stated: object, expected: object) -> Iterator[tuple[str, object, object]]:
    """Take two descriptions apart, with a name for each part; what cannot be has none."""
    if isinstance(stated, msgspec.Struct) and isinstance(expected, msgspec.Struct):
        for field in stated.__struct_fields__:
            yield f"{name}.{field}", getattr(stated, field), getattr(expected, field)
    elif isinstance(stated, tuple) and isinstance(expected, tuple):
        ones, others = cast("tuple[object, ...]", stated), cast("tuple[object, ...]", expected)
        yield f"the length of {name}", len(ones), len(others)
        for index, (one, other) in enumerate(zip(ones, others, strict=False)):
            yield f"{name}[{index}]", one, other
