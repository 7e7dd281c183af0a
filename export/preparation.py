"""A network made ready for any precision: loaded, fused, and measured against float64."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from topformer.export.divergence import first_divergence
from topformer.export.inputs import picture_inputs, standard_inputs
from topformer.export.precisions import Limits, Precision
from topformer.export.proof import (
    FLOAT32_FLOOR,
    FP32_GATES,
    Reference,
    Step,
    measure_step,
    measure_yardstick,
    refer,
)
from topformer.fusion import fuse
from topformer.manifest import Classes, Manifest, StepParity
from topformer.networks import AnyNetwork
from topformer.runtimes.torch_network import TorchNetwork, describe
from topformer.tasks import task_of
from topformer.variants import DEFAULT_VARIANT
from topformer.weights import load_weights
from topformer.weights.sources import RANDOM

# Hears what is being done.
OnProgress = Callable[[str], None]
MeasuredStep = tuple[Step, StepParity]


@dataclass(frozen=True, kw_only=True)
class PreparedNetwork:
    """A network that is ready for any precision, and how closely its steps follow float64."""

    manifest: Manifest
    fused: AnyNetwork
    float64: AnyNetwork
    # What float64 says of the inputs of every proof, and of the user's own pictures.
    standard: tuple[Reference, ...]
    own: tuple[Reference, ...]
    # Torch's own float32, which decides what every other step is held to; it is the first step.
    yardstick: StepParity
    steps: tuple[MeasuredStep, ...]
    # Usual (height, width) of the pictures the weights were trained on, where they say so.
    picture_size: tuple[int, int] | None
    # What was wrapped around the weights and taken off, in sentences.
    notes: tuple[str, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """What float64 says of all inputs of this proof."""
        return self.standard + self.own

    @property
    def examples(self) -> tuple[Tensor, ...]:
        """The standard inputs, each [1, 3, h, w]."""
        return tuple(torch.as_tensor(reference.input.tensor) for reference in self.standard)


def prepare(
    *,
    weights: str | None,
    variant: str | None,
    task: str | None = None,
    detection_head: str | None = None,
    image_size: tuple[int, int] | None = None,
    images_dir: Path | None = None,
    classes: Classes | None = None,
    on_progress: OnProgress = lambda _doing: None,
) -> PreparedNetwork:
    """Load and fuse a network, and measure these steps, which come before any precision.

    `task` and `detection_head` are as in `load_weights`; `image_size` is as in `open_model`.
    """
    on_progress("loading weights")
    loaded = load_weights(
        weights,
        variant=variant or (DEFAULT_VARIANT if weights in {None, RANDOM} else None),
        task=task,
        detection_head=detection_head,
        classes=classes,
        progress=partial(_tell_transfer, on_progress),
    )
    manifest = describe(loaded, image_size or loaded.input_size)
    pictures = picture_inputs(images_dir, manifest.input) if images_dir else []
    float64 = copy.deepcopy(loaded.model).double()
    on_progress("running the float64 reference")
    meaning, run_float64 = task_of(manifest), TorchNetwork(float64).run
    standard = refer(meaning, run_float64, standard_inputs(manifest.input))
    own = refer(meaning, run_float64, pictures)
    fused = fuse(loaded.model)
    float32_step = Step(
        name="float32",
        run=TorchNetwork(loaded.model).run,
        gates=FLOAT32_FLOOR,
        find_divergence=partial(first_divergence, float64, loaded.model),
    )
    fused_step = Step(
        name="fused",
        run=TorchNetwork(fused).run,
        gates=FP32_GATES,
        find_divergence=partial(first_divergence, float64, fused),
    )
    on_progress("comparing float32 and fused")
    references = [*standard, *own]
    yardstick = measure_yardstick(float32_step, references)
    return PreparedNetwork(
        manifest=manifest,
        fused=fused,
        float64=float64,
        standard=tuple(standard),
        own=tuple(own),
        yardstick=yardstick,
        steps=(
            (float32_step, yardstick),
            (fused_step, measure_step(fused_step, references, yardstick)),
        ),
        # Where they were stretched, their shape is not what the network knows.
        picture_size=None if loaded.sample_size else loaded.picture_size,
        notes=loaded.notes,
    )


def limits_of(prepared: PreparedNetwork, precision: Precision) -> Limits:
    """What a network's files in a precision are held to."""
    return precision.limits(prepared.manifest.model.task)


def manifest_held_to(manifest: Manifest, precision: Precision) -> Manifest:
    """Say which boxes are the same, where there are any, as the precision allows for."""
    detection = manifest.detection
    if detection is None:
        return manifest
    same_iou = precision.limits(manifest.model.task).same_iou
    return msgspec.structs.replace(
        manifest, detection=msgspec.structs.replace(detection, same_iou=same_iou)
    )


def held_to(prepared: PreparedNetwork, precision: Precision) -> PreparedNetwork:
    """Compare boxes, where there are any, as the precision allows for."""
    manifest = manifest_held_to(prepared.manifest, precision)
    meaning = task_of(manifest)

    def again(references: tuple[Reference, ...]) -> tuple[Reference, ...]:
        return tuple(replace(reference, task=meaning) for reference in references)

    return replace(
        prepared, manifest=manifest, standard=again(prepared.standard), own=again(prepared.own)
    )


def _tell_transfer(on_progress: OnProgress, received_bytes: int, total_bytes: int | None) -> None:
    total = f" of {total_bytes / 2**20:.1f}" if total_bytes else ""
    on_progress(f"fetching weights: {received_bytes / 2**20:.1f}{total} MiB")
