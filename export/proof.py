"""The proof: how far each step from the float64 network to the shipped file strays from it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from topformer.errors import TopformerError
from topformer.export.inputs import ProofInput, is_picture
from topformer.files import sha256_bytes
from topformer.manifest import (
    Agreement,
    Gates,
    GoldenCase,
    InputAgreement,
    Manifest,
    Parity,
    StepParity,
)
from topformer.tasks import GOLDEN_SAMPLES, Answer, Outputs, Task, task_of

# The last step of every proof.
FILE = "file"
FP32_GATES = Gates(sqnr_db=90.0, result_agreement=0.9999)

# TopFormer's attention is not scaled, so its softmax can saturate, and then rounding alone moves
# the result: on such inputs torch's own float32 falls below any fixed gate. An input is held to the
# full gates when torch's float32 clears them with this much to spare ...
HEADROOM_DB = 10.0
# ... and else to torch's own float32, within what two float32 programs were seen to differ by.
SLACK_DB = 20.0
SLACK_RESULTS = 10.0
# A checkpoint whose float32 does worse than this is of no use in float32 at all.
FLOAT32_FLOOR = Gates(sqnr_db=40.0, result_agreement=0.95)

# A calibrated precision spends its bits on values as its pictures have them, so on other inputs its
# own simulation in torch strays. There the simulation is held to the first of these, and the file
# to the simulation, within what runtimes were seen to differ from it by.
STRAYING_FLOOR = Gates(sqnr_db=6.0, result_agreement=0.0)
SIMULATION_SLACK_DB = 3.0
SIMULATION_SLACK_RESULTS = 0.05
# Where the simulation itself has too few equal results: on black all classes all but tie, and whole
# regions change at once. Twice what a sound file differed by there.
STRAYING_SLACK_RESULTS = 0.2

# A manifest keeps samples of answers. Where fewer results than this need be equal, samples need
# less by so many standard deviations, and by so much SQNR.
NEARLY_ALL = 0.999
SAMPLED_DEVIATIONS = 4.0
SAMPLED_SLACK_DB = 1.0

NOTHING_STRAYS: Mapping[str, Gates] = MappingProxyType({})

Run = Callable[[NDArray[np.float32]], Outputs]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What the float64 network says of one input."""

    input: ProofInput
    task: Task[Any]
    answer: Answer[Any]

    def compare(self, run: Run) -> Agreement:
        """Run another form of the network on the input, and say how closely it follows."""
        return self.task.compare(self.answer, self.task.answer(run(self.input.tensor)))


@dataclass(frozen=True, kw_only=True)
class Step:
    """A form that the network takes on its way to a file, and what it is held to."""

    name: str
    run: Run
    # Where an input is ill-conditioned, torch's own float32 takes their place.
    gates: Gates
    # An input and an SQNR in dB -> the first module below it; "" when no module is on its own.
    # None where modules of this form cannot be told apart.
    find_divergence: Callable[[NDArray[np.float32], float], str] | None


def refer(task: Task[Any], run_float64: Run, inputs: Iterable[ProofInput]) -> list[Reference]:
    """Run the float64 network on every input."""
    return [
        Reference(input=entry, task=task, answer=task.answer(run_float64(entry.tensor)))
        for entry in inputs
    ]


def measure_yardstick(step: Step, references: Sequence[Reference]) -> StepParity:
    """Measure torch's own float32, which decides what the later steps are held to."""
    agreements: list[InputAgreement] = []
    for reference in references:
        agreement = reference.compare(step.run)
        agreements.append(
            InputAgreement(
                input=reference.input.name,
                agreement=agreement,
                required=step.gates,
                ill_conditioned=_requirement(agreement, FP32_GATES) != FP32_GATES,
            )
        )
    return _summarise(step.name, agreements)


def measure_step(
    step: Step,
    references: Sequence[Reference],
    yardstick: StepParity,
    *,
    strays: Mapping[str, Gates] = NOTHING_STRAYS,
) -> StepParity:
    """Compare a step with the float64 reference, held to its gates or to torch's float32.

    `strays` says what it is held to instead on some inputs, by name.
    """
    agreements: list[InputAgreement] = []
    for reference, float32 in zip(references, yardstick.inputs, strict=True):
        required = strays.get(reference.input.name) or _requirement(float32.agreement, step.gates)
        agreement, excused = reference.compare(step.run), required != step.gates
        agreements.append(
            _held_to(reference.input.name, agreement, required, step.gates, excused=excused)
        )
    return _summarise(step.name, agreements)


def _held_to(
    name: str, agreement: Agreement, required: Gates, gates: Gates, *, excused: bool
) -> InputAgreement:
    """Hold an input to what is required of it; where it reaches the full gates, to those."""
    full = InputAgreement(input=name, agreement=agreement, required=gates, ill_conditioned=False)
    if excused and full.passed:
        return full
    return msgspec.structs.replace(full, required=required, ill_conditioned=excused)


def measure_simulation(
    step: Step,
    standard: Sequence[Reference],
    own: Sequence[Reference],
    yardstick: StepParity,
    *,
    floor: Gates = STRAYING_FLOOR,
) -> tuple[StepParity, dict[str, Gates]]:
    """Compare a calibrated precision's simulation with float64, held to `floor` where it strays.

    Returns too what its files are held to on standard inputs where it strays or all but strays. On
    the user's own pictures it must not, and they must not; nor on all pictures.
    """
    names = {reference.input.name for reference in standard}
    found = measure_step(step, [*standard, *own], yardstick)
    missed = {one.input for one in found.inputs if not one.passed}
    excusable = names - _held_to_gates(found, names, step.gates)
    floors = dict.fromkeys(missed & excusable, floor)
    inputs = [
        msgspec.structs.replace(one, required=floors[one.input], ill_conditioned=True)
        if one.input in floors
        else one
        for one in found.inputs
    ]
    near = {
        one.input: _near(one.agreement, step.gates)
        for one in found.inputs
        if one.input in excusable
    }
    strays = {name: held for name, held in near.items() if held != step.gates}
    return _summarise(step.name, inputs), strays


def _held_to_gates(simulation: StepParity, standard: set[str], gates: Gates) -> set[str]:
    """Name the pictures on which neither a simulation nor its files may stray.

    One is enough: where the simulation has the most to spare, so that a sound file has, too. It is
    a standard one where possible, for manifests keep what is required there. Where the simulation
    meets the gates on no picture, none is excused.
    """
    pictures = [one for one in simulation.inputs if is_picture(one.input)]
    met = [one for one in pictures if one.passed]
    if not met:
        return {one.input for one in pictures}
    best = max(met, key=lambda one: (one.input in standard, _to_spare(one.agreement, gates)))
    return {best.input}


def _to_spare(simulated: Agreement, gates: Gates) -> float:
    """How far above the gates a simulation is, in what runtimes were seen to differ from it by."""
    return min(
        (simulated.sqnr_db - gates.sqnr_db) / SIMULATION_SLACK_DB,
        (simulated.result_agreement - gates.result_agreement) / SIMULATION_SLACK_RESULTS,
    )


def _near(simulated: Agreement, gates: Gates) -> Gates:
    """What a file is held to where its simulation agrees this well with float64."""
    strays = simulated.result_agreement < gates.result_agreement
    slack = STRAYING_SLACK_RESULTS if strays else SIMULATION_SLACK_RESULTS
    return Gates(
        sqnr_db=min(gates.sqnr_db, simulated.sqnr_db - SIMULATION_SLACK_DB),
        result_agreement=max(0.0, min(gates.result_agreement, simulated.result_agreement - slack)),
    )


def _requirement(float32: Agreement, gates: Gates) -> Gates:
    """What a step is held to on an input where torch's float32 agrees this well with float64."""
    missed = 1.0 - gates.result_agreement
    if (
        float32.sqnr_db >= gates.sqnr_db + HEADROOM_DB
        and 1.0 - float32.result_agreement <= missed / 2
    ):
        return gates
    return Gates(
        sqnr_db=min(gates.sqnr_db, float32.sqnr_db - SLACK_DB),
        result_agreement=max(
            0.0, 1.0 - max(missed, SLACK_RESULTS * (1.0 - float32.result_agreement))
        ),
    )


def _summarise(step: str, agreements: list[InputAgreement]) -> StepParity:
    held = [entry for entry in agreements if not entry.ill_conditioned] or agreements
    return StepParity(step=step, worst=_worst(held), inputs=tuple(agreements))


def _worst(agreements: Sequence[InputAgreement]) -> Agreement:
    """Return the worst of each figure, which may come from different inputs."""
    each = [entry.agreement for entry in agreements]
    return Agreement(
        max_abs_error=max(agreement.max_abs_error for agreement in each),
        sqnr_db=min(agreement.sqnr_db for agreement in each),
        result_agreement=min(agreement.result_agreement for agreement in each),
        result_agreement_untied=min(agreement.result_agreement_untied for agreement in each),
    )


def worst_reference(step: StepParity, references: Sequence[Reference]) -> Reference:
    """Return the reference on whose input a step misses its requirement by most."""
    shortfall = {
        entry.input: entry.agreement.sqnr_db - entry.required.sqnr_db for entry in step.inputs
    }
    return min(references, key=lambda reference: shortfall[reference.input.name])


def golden_cases(
    references: Sequence[Reference],
    float32: StepParity,
    gates: Gates,
    *,
    strays: Mapping[str, Gates] = NOTHING_STRAYS,
) -> tuple[GoldenCase, ...]:
    """Sample the references, so that a manifest alone can repeat the proof of its file."""
    cases: list[GoldenCase] = []
    for reference, yardstick in zip(references, float32.inputs, strict=False):
        name = reference.input.name
        required = strays.get(name) or _requirement(yardstick.agreement, gates)
        cases.append(
            GoldenCase(
                input=name,
                input_sha256=_tensor_sha256(reference.input.tensor),
                required=_of_samples(required),
                ill_conditioned=required != gates,
                samples=reference.task.sample(reference.answer),
            )
        )
    return tuple(cases)


def _of_samples(required: Gates) -> Gates:
    """Allow for samples that fare worse than the whole, where not nearly all must be equal.

    Of n samples, the share that is equal has a standard deviation of sqrt(p (1 - p) / n).
    """
    share = required.result_agreement
    if share >= NEARLY_ALL:
        return required
    deviation = math.sqrt(share * (1.0 - share) / GOLDEN_SAMPLES)
    return Gates(
        sqnr_db=required.sqnr_db - SAMPLED_SLACK_DB,
        result_agreement=max(0.0, share - SAMPLED_DEVIATIONS * deviation),
    )


def check_golden(
    manifest: Manifest, run: Run, inputs: Iterable[ProofInput], gates: Gates
) -> Parity:
    """Repeat the proof of a file, held to its precision's gates, from the manifest's samples.

    Every golden case must find its input among `inputs`, bit for bit.
    """
    if not manifest.golden:
        raise TopformerError(
            "The manifest carries no golden cases to verify against.",
            next_step="Compare with the checkpoint, `topformer verify FILE --weights CHECKPOINT`, "
            "or export the file again.",
        )
    task = task_of(manifest)
    cases = {case.input: case for case in manifest.golden}
    agreements: list[InputAgreement] = []
    results: list[Any] = []
    for entry in inputs:
        case = cases.get(entry.name)
        if case is None or _tensor_sha256(entry.tensor) != case.input_sha256:
            continue
        del cases[entry.name]
        answer = task.answer(run(entry.tensor))
        results.append(answer.result)
        agreements.append(
            _held_to(
                entry.name,
                task.compare_sampled(case.samples, answer),
                case.required,
                gates,
                excused=case.ill_conditioned,
            )
        )
    if cases:
        raise TopformerError(
            f"The input {next(iter(cases))!r} of the proof cannot be rebuilt here.",
            why="This version's pictures or preprocessing are not those of the export.",
            next_step="Verify with the version that exported the file, or export it again.",
        )
    step = _summarise(FILE, agreements)
    return Parity(passed=step.passed, gates=gates, steps=(step,), notes=weaknesses(task, results))


def weaknesses(task: Task[Any], results: Sequence[Any]) -> tuple[str, ...]:
    """What a proof on inputs with these results leaves open, as a manifest has it."""
    weakness = task.weakness(results)
    return (weakness,) if weakness else ()


def _tensor_sha256(tensor: NDArray[np.float32]) -> str:
    return sha256_bytes(np.ascontiguousarray(tensor, "<f4").tobytes())
