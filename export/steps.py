"""The steps of a network from its checkpoint to a file, each compared with float64."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from topformer.export.budget import Budget
from topformer.export.divergence import first_divergence
from topformer.export.precisions import Materials, Precision
from topformer.export.preparation import (
    MeasuredStep,
    OnProgress,
    PreparedNetwork,
    held_to,
    limits_of,
)
from topformer.export.proof import (
    FILE,
    NOTHING_STRAYS,
    Step,
    measure_simulation,
    measure_step,
    weaknesses,
    worst_reference,
)
from topformer.export.targets import Target
from topformer.manifest import Gates, Judgement, Parity, PrecisionParity, ScoreParity
from topformer.runtimes import open_network
from topformer.runtimes.opened import Network
from topformer.runtimes.torch_network import TorchNetwork
from topformer.tasks import task_of


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
    prepared, limits = held_to(prepared, precision), limits_of(prepared, precision)
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
        gates=limits.gates,
        find_divergence=found.find_divergence,
    )
    on_progress(f"comparing {step.name}")
    strays: Mapping[str, Gates] = NOTHING_STRAYS
    if precision.calibrated:
        parity, strays = measure_simulation(
            step, prepared.standard, prepared.own, prepared.yardstick, floor=limits.straying
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
    prepared = held_to(prepared, precision)
    return ConvertedNetwork(
        prepared=prepared,
        precision=precision,
        network=prepared.fused,
        float_layers=(),
        steps=prepared.steps,
        strays=strays,
        find_divergence=None,
    )


def prove_file(
    path: Path,
    converted: ConvertedNetwork,
    target: Target,
    on_progress: OnProgress,
    *,
    score: Callable[[Network], Judgement] | None = None,
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
        gates=limits_of(prepared, converted.precision).gates,
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
        score=judged if isinstance(judged, ScoreParity) else None,
        average_precision=judged if isinstance(judged, PrecisionParity) else None,
        notes=weaknesses(
            task_of(prepared.manifest),
            [reference.answer.result for reference in prepared.references],
        ),
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
