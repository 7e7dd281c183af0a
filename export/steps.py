"""The steps of a network from its checkpoint to a file, each compared with float64."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from topformer.export.divergence import first_divergence
from topformer.export.inputs import picture_inputs, standard_inputs
from topformer.export.precisions import Budget, Materials, Precision
from topformer.export.proof import (
    FILE,
    FLOAT32_FLOOR,
    FP32_GATES,
    NOTHING_STRAYS,
    Reference,
    Step,
    measure_simulation,
    measure_step,
    measure_yardstick,
    refer,
    worst_reference,
)
from topformer.export.targets import Target
from topformer.fusion import fuse
from topformer.manifest import Classes, Gates, Manifest, Parity, ScoreParity, StepParity
from topformer.model import TopFormer
from topformer.runtimes import open_network
from topformer.runtimes.opened import Network
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
    """A network that is ready for any precision, and how closely its steps follow float64."""

    manifest: Manifest
    fused: TopFormer
    float64: TopFormer
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


@dataclass(frozen=True, kw_only=True)
class ConvertedNetwork:
    """A prepared network in one precision: what is lowered, to any target that this fits."""

    prepared: PreparedNetwork
    precision: Precision
    network: nn.Module
    float_layers: tuple[str, ...]
    steps: tuple[MeasuredStep, ...]
    # What a file is held to on inputs where a calibrated precision strays, by their names.
    strays: Mapping[str, Gates]
    # `divergence.first_divergence` of this network; the file's adds its target. None where the
    # conversion is not for the network with its parts exposed.
    find_divergence: Callable[..., str] | None


def prepare(
    *,
    weights: str | None,
    variant: str | None,
    image_size: tuple[int, int],
    images_dir: Path | None = None,
    classes: Classes | None = None,
    on_progress: OnProgress = lambda _doing: None,
) -> PreparedNetwork:
    """Load and fuse a network, and measure these steps, which come before any precision."""
    loaded = _load(weights, variant, classes, on_progress)
    manifest = describe(loaded, image_size)
    pictures = picture_inputs(images_dir, manifest.input) if images_dir else []
    float64 = copy.deepcopy(loaded.model).double()
    on_progress("running the float64 reference")
    task, run_float64 = task_of(manifest), TorchNetwork(float64).run
    standard = refer(task, run_float64, standard_inputs(manifest.input))
    own = refer(task, run_float64, pictures)
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
        picture_size=loaded.picture_size,
        notes=loaded.notes,
    )


def convert(
    prepared: PreparedNetwork,
    precision: Precision,
    *,
    calibration: Sequence[Tensor] = (),
    foreign: bool = False,
    budget: Budget | None = None,
    on_progress: OnProgress = lambda _doing: None,
) -> ConvertedNetwork:
    """Bring a network to a precision, and measure that step, if it is one.

    A calibrated precision needs `calibration`, pictures as the file will see them [1, 3, h, w],
    `foreign` where they are not of what the model is for.
    """
    materials = Materials(
        examples=prepared.examples,
        calibration=calibration,
        foreign=foreign,
        budget=budget,
        on_progress=on_progress,
    )
    on_progress(f"converting to {precision.name}")
    made = precision.convert(prepared.fused, materials)

    def convert_tapped(tapped: nn.Module) -> nn.Module:
        return precision.convert(tapped, replace(materials, budget=None)).network

    found = unconverted(prepared, precision)
    if not precision.calibrated:
        diverge = partial(
            first_divergence, prepared.float64, prepared.fused, convert=convert_tapped
        )
        found = replace(found, find_divergence=diverge)
    if made.network is prepared.fused:
        return found
    step = Step(
        name=precision.name,
        run=TorchNetwork(made.network).run,
        gates=precision.gates,
        find_divergence=found.find_divergence,
    )
    on_progress(f"comparing {step.name}")
    strays: Mapping[str, Gates] = NOTHING_STRAYS
    if precision.calibrated:
        parity, strays = measure_simulation(
            step, prepared.standard, prepared.own, prepared.yardstick
        )
    else:
        parity = measure_step(step, prepared.references, prepared.yardstick)
    return replace(
        found,
        network=made.network,
        strays=strays,
        float_layers=made.float_layers,
        steps=(*found.steps, (step, parity)),
    )


def unconverted(
    prepared: PreparedNetwork,
    precision: Precision,
    *,
    strays: Mapping[str, Gates] = NOTHING_STRAYS,
) -> ConvertedNetwork:
    """Stand for a conversion that cannot be repeated: its file is proved without that step."""
    return ConvertedNetwork(
        prepared=prepared,
        precision=precision,
        network=prepared.fused,
        float_layers=(),
        steps=prepared.steps,
        strays=strays,
        find_divergence=None,
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
    path: Path,
    converted: ConvertedNetwork,
    target: Target,
    on_progress: OnProgress,
    *,
    score: Callable[[Network], ScoreParity] | None = None,
) -> Parity:
    """Run a file in its real runtime against the float64 reference, all steps before included.

    `score` judges the file on data too.
    """
    prepared = converted.prepared
    network = open_network(path, prepared.manifest.input.shape)
    diverge = converted.find_divergence
    step = Step(
        name=FILE,
        run=network.run,
        gates=converted.precision.gates,
        find_divergence=None if diverge is None else partial(diverge, target=target),
    )
    parity = measure_step(step, prepared.references, prepared.yardstick, strays=converted.strays)
    steps = (*converted.steps, (step, parity))
    passed = all(parity.passed for _, parity in steps)
    judged = None if score is None else score(network)
    return Parity(
        passed=passed and (judged is None or judged.passed),
        gates=step.gates,
        steps=tuple(parity for _, parity in steps),
        first_divergence="" if passed else _locate(steps, prepared, on_progress),
        score=judged,
    )


def _locate(
    steps: Sequence[MeasuredStep], prepared: PreparedNetwork, on_progress: OnProgress
) -> str:
    """Name the first module that strays, at the first step that fails."""
    if all(entry.ill_conditioned for entry in prepared.yardstick.inputs):
        return "none named: torch's own float32 strays on every input, so nothing can be proved"
    step, parity = next(measured for measured in steps if not measured[1].passed)
    if step.find_divergence is None:
        return f"{step.name}: none named, for every layer strays a little in this precision"
    on_progress("looking for the module that diverges")
    worst = worst_reference(parity, prepared.references).input
    gate_db = next(e.required.sqnr_db for e in parity.inputs if e.input == worst.name)
    module = step.find_divergence(worst.tensor, gate_db)
    return f"{step.name}: {module or 'no single module; the whole graph or the file differs'}"
