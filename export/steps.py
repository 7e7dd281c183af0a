"""The steps of a network from its checkpoint to a file, each compared with float64."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from topformer.export.divergence import first_divergence
from topformer.export.inputs import picture_inputs, standard_inputs
from topformer.export.precisions import Precision
from topformer.export.proof import (
    FILE,
    FLOAT32_FLOOR,
    FP32_GATES,
    Reference,
    Step,
    measure_step,
    measure_yardstick,
    refer,
    worst_reference,
)
from topformer.export.targets import Target
from topformer.fusion import fuse
from topformer.manifest import Classes, Manifest, Parity, StepParity
from topformer.runtimes import open_network
from topformer.runtimes.torch_network import TorchNetwork, describe
from topformer.tasks import task_of
from topformer.variants import DEFAULT_VARIANT
from topformer.weights import LoadedWeights, load_weights
from topformer.weights.sources import RANDOM

# Hears what is being done.
OnProgress = Callable[[str], None]
MeasuredStep = tuple[Step, StepParity]


@dataclass(frozen=True, kw_only=True)
class PreparedNetwork:
    """A network that is ready to be lowered, and how closely its steps so far follow float64."""

    manifest: Manifest
    precision: Precision
    # Fused and brought to the precision: what is lowered.
    converted: nn.Module
    # `divergence.first_divergence` of this network, converted; the file's adds its target.
    find_divergence: Callable[..., str]
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


def prepare(
    *,
    weights: str | None,
    variant: str | None,
    image_size: tuple[int, int],
    precision: Precision,
    images_dir: Path | None = None,
    classes: Classes | None = None,
    on_progress: OnProgress = lambda _doing: None,
) -> PreparedNetwork:
    """Load, fuse and convert a network, and measure these steps, which come before any target."""
    loaded = _load(weights, variant, classes, on_progress)
    manifest = describe(loaded, image_size)
    pictures = picture_inputs(images_dir, manifest.input) if images_dir else []
    float64 = copy.deepcopy(loaded.model).double()
    on_progress("running the float64 reference")
    task, run_float64 = task_of(manifest), TorchNetwork(float64).run
    standard = refer(task, run_float64, standard_inputs(manifest.input))
    own = refer(task, run_float64, pictures)
    examples = [torch.as_tensor(reference.input.tensor) for reference in standard]

    def convert(network: nn.Module) -> nn.Module:
        return precision.convert(network, examples)

    fused = fuse(loaded.model)
    converted = convert(fused)
    find_divergence = partial(first_divergence, float64, fused, convert=convert)
    float32_step = Step(
        name="float32",
        run=TorchNetwork(loaded.model).run,
        gates=FLOAT32_FLOOR,
        find_divergence=partial(first_divergence, float64, loaded.model),
    )
    later = [
        Step(
            name="fused",
            run=TorchNetwork(fused).run,
            gates=FP32_GATES,
            find_divergence=partial(first_divergence, float64, fused),
        )
    ]
    if converted is not fused:
        later.append(
            Step(
                name=precision.name,
                run=TorchNetwork(converted).run,
                gates=precision.gates,
                find_divergence=find_divergence,
            )
        )
    on_progress(f"comparing {' and '.join(step.name for step in [float32_step, *later])}")
    references = [*standard, *own]
    yardstick = measure_yardstick(float32_step, references)
    measured = [(step, measure_step(step, references, yardstick)) for step in later]
    return PreparedNetwork(
        manifest=manifest,
        precision=precision,
        converted=converted,
        find_divergence=find_divergence,
        standard=tuple(standard),
        own=tuple(own),
        yardstick=yardstick,
        steps=((float32_step, yardstick), *measured),
        picture_size=loaded.picture_size,
        notes=loaded.notes,
    )


def _load(
    weights: str | None, variant: str | None, classes: Classes | None, on_progress: OnProgress
) -> LoadedWeights:
    on_progress("loading weights")
    if weights in {None, RANDOM}:
        variant = variant or DEFAULT_VARIANT

    def show_transfer(received_bytes: int, total_bytes: int | None) -> None:
        total = f" of {total_bytes / 2**20:.1f}" if total_bytes else ""
        on_progress(f"fetching weights: {received_bytes / 2**20:.1f}{total} MiB")

    return load_weights(weights, variant=variant, classes=classes, progress=show_transfer)


def prove_file(
    path: Path, prepared: PreparedNetwork, target: Target, on_progress: OnProgress
) -> Parity:
    """Run a file in its real runtime against the float64 reference, all steps before included."""
    step = Step(
        name=FILE,
        run=open_network(path, prepared.manifest.input.shape).run,
        gates=prepared.precision.gates,
        find_divergence=partial(prepared.find_divergence, target=target),
    )
    parity = measure_step(step, prepared.references, prepared.yardstick)
    steps = (*prepared.steps, (step, parity))
    passed = all(parity.passed for _, parity in steps)
    return Parity(
        passed=passed,
        gates=step.gates,
        steps=tuple(parity for _, parity in steps),
        first_divergence="" if passed else _locate(steps, prepared, on_progress),
    )


def _locate(
    steps: Sequence[MeasuredStep], prepared: PreparedNetwork, on_progress: OnProgress
) -> str:
    """Name the first module that strays, at the first step that fails."""
    if all(entry.ill_conditioned for entry in prepared.yardstick.inputs):
        return "none named: torch's own float32 strays on every input, so nothing can be proved"
    on_progress("looking for the module that diverges")
    step, parity = next(measured for measured in steps if not measured[1].passed)
    worst = worst_reference(parity, prepared.references).input
    gate_db = next(e.required.sqnr_db for e in parity.inputs if e.input == worst.name)
    module = step.find_divergence(worst.tensor, gate_db)
    return f"{step.name}: {module or 'no single module; the whole graph or the file differs'}"
