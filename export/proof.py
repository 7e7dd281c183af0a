"""The proof: how far each step from the float64 network to the shipped file strays from it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topformer import metrics
from topformer.errors import TopformerError
from topformer.export.inputs import ProofInput
from topformer.files import sha256_bytes
from topformer.labels import upsample_labels
from topformer.manifest import (
    Agreement,
    Gates,
    GoldenCase,
    InputAgreement,
    Manifest,
    Parity,
    StepParity,
)

# The last step of every proof.
FILE = "file"
FP32_GATES = Gates(sqnr_db=90.0, label_agreement=0.9999)

# TopFormer's attention is not scaled, so its softmax can saturate, and then rounding alone moves
# the result: on such inputs torch's own float32 falls below any fixed gate. An input is held to the
# full gates when torch's float32 clears them with this much to spare ...
HEADROOM_DB = 10.0
# ... and else to torch's own float32, within what two float32 programs were seen to differ by.
SLACK_DB = 20.0
SLACK_LABELS = 10.0
# A checkpoint whose float32 does worse than this is of no use in float32 at all.
FLOAT32_FLOOR = Gates(sqnr_db=40.0, label_agreement=0.95)

# A pixel is tied when its two best classes are closer than this share of the logits' standard
# deviation: about what float16 would lose, a thousand times what float32 does.
TIE_SHARE = 1e-3
GOLDEN_SAMPLES = 512
# Knuth's multiplicative hash: odd, so that samples spread over arrays of any size.
SAMPLE_STEP = 2654435761

FloatArray = NDArray[np.floating]
Run = Callable[[NDArray[np.float32]], FloatArray]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What the float64 network says of one input."""

    input: ProofInput
    logits: FloatArray
    labels: NDArray[np.integer]
    tie_margin: float

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input, at which labels are compared."""
        return self.labels.shape[-2], self.labels.shape[-1]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A form that the network takes on its way to a file, and what it is held to."""

    name: str
    run: Run
    # Where an input is ill-conditioned, torch's own float32 takes their place.
    gates: Gates
    # An input and an SQNR in dB -> the first module below it; "" when no module is on its own.
    find_divergence: Callable[[NDArray[np.float32], float], str]


def refer(run_float64: Run, inputs: Iterable[ProofInput]) -> list[Reference]:
    """Run the float64 network on every input."""
    references: list[Reference] = []
    for proof_input in inputs:
        logits = run_float64(proof_input.tensor)
        size = (proof_input.tensor.shape[2], proof_input.tensor.shape[3])
        references.append(
            Reference(
                input=proof_input,
                logits=logits,
                labels=upsample_labels(logits, size)[0],
                tie_margin=TIE_SHARE * float(logits.std()),
            )
        )
    return references


def measure_yardstick(step: Step, references: Sequence[Reference]) -> StepParity:
    """Measure torch's own float32, which decides what the later steps are held to."""
    agreements: list[InputAgreement] = []
    for reference in references:
        agreement = _compare(reference, step.run(reference.input.tensor))
        agreements.append(
            InputAgreement(
                input=reference.input.name,
                agreement=agreement,
                required=step.gates,
                ill_conditioned=_requirement(agreement, FP32_GATES) != FP32_GATES,
            )
        )
    return _summarise(step.name, agreements)


def measure_step(step: Step, references: Sequence[Reference], yardstick: StepParity) -> StepParity:
    """Compare a step with the float64 reference, held to its gates or to torch's float32."""
    agreements: list[InputAgreement] = []
    for reference, float32 in zip(references, yardstick.inputs, strict=True):
        required = _requirement(float32.agreement, step.gates)
        agreements.append(
            InputAgreement(
                input=reference.input.name,
                agreement=_compare(reference, step.run(reference.input.tensor)),
                required=required,
                ill_conditioned=required != step.gates,
            )
        )
    return _summarise(step.name, agreements)


def _requirement(float32: Agreement, gates: Gates) -> Gates:
    """What a step is held to on an input where torch's float32 agrees this well with float64."""
    missed_labels = 1.0 - gates.label_agreement
    if (
        float32.sqnr_db >= gates.sqnr_db + HEADROOM_DB
        and 1.0 - float32.label_agreement <= missed_labels / 2
    ):
        return gates
    return Gates(
        sqnr_db=min(gates.sqnr_db, float32.sqnr_db - SLACK_DB),
        label_agreement=max(
            0.0, 1.0 - max(missed_labels, SLACK_LABELS * (1.0 - float32.label_agreement))
        ),
    )


def _summarise(step: str, agreements: list[InputAgreement]) -> StepParity:
    held = [entry for entry in agreements if not entry.ill_conditioned] or agreements
    return StepParity(step=step, worst=_worst(held), inputs=tuple(agreements))


def worst_reference(step: StepParity, references: Sequence[Reference]) -> Reference:
    """Return the reference on whose input a step misses its requirement by most."""
    shortfall = {
        entry.input: entry.agreement.sqnr_db - entry.required.sqnr_db for entry in step.inputs
    }
    return min(references, key=lambda reference: shortfall[reference.input.name])


def golden_cases(
    references: Sequence[Reference], float32: StepParity, gates: Gates
) -> tuple[GoldenCase, ...]:
    """Sample the references, so that a manifest alone can repeat the proof of its file."""
    cases: list[GoldenCase] = []
    for reference, yardstick in zip(references, float32.inputs, strict=False):
        required = _requirement(yardstick.agreement, gates)
        positions = _sample_positions(reference.labels.size)
        margins = margins_at(reference.logits, reference.size, positions)
        cases.append(
            GoldenCase(
                input=reference.input.name,
                input_sha256=_tensor_sha256(reference.input.tensor),
                required=required,
                ill_conditioned=required != gates,
                logits=_sample(reference.logits).astype("<f4").tobytes(),
                labels=_sample(reference.labels).astype("<u2").tobytes(),
                margins=margins.astype("<f4").tobytes(),
            )
        )
    return tuple(cases)


def check_golden(
    manifest: Manifest, run: Run, inputs: Iterable[ProofInput], gates: Gates
) -> Parity:
    """Repeat the proof of a file, held to its precision's gates, from the manifest's samples.

    Every golden case must find its input among `inputs`, bit for bit. Labels are compared at the
    samples, where one pixel weighs more than the gate allows: those that all but tie are forgiven.
    """
    if not manifest.golden:
        raise TopformerError(
            "The manifest carries no golden cases to verify against.",
            next_step="Compare with the checkpoint, `topformer verify FILE --weights CHECKPOINT`, "
            "or export the file again.",
        )
    cases = {case.input: case for case in manifest.golden}
    agreements: list[InputAgreement] = []
    for name, tensor in ((entry.name, entry.tensor) for entry in inputs):
        if name not in cases or _tensor_sha256(tensor) != cases[name].input_sha256:
            continue
        case = cases.pop(name)
        agreements.append(
            InputAgreement(
                input=name,
                agreement=_compare_golden(case, run(tensor), tensor),
                required=case.required,
                ill_conditioned=case.ill_conditioned,
            )
        )
    if cases:
        raise TopformerError(
            f"The input {next(iter(cases))!r} of the proof cannot be rebuilt here.",
            why="This version's pictures or preprocessing are not those of the export.",
            next_step="Verify with the version that exported the file, or export it again.",
        )
    step = _summarise(FILE, agreements)
    return Parity(passed=step.passed, gates=gates, steps=(step,))


def margins_at(
    logits: FloatArray, size: tuple[int, int], positions: NDArray[np.integer]
) -> FloatArray:
    """How far the best class leads the second at some pixels of the enlarged logits.

    [1, c, h, w] -> [n], for n positions in C order of an image of `size`; bilinear, pixel centres
    aligned, as `interpolate(align_corners=False)` has it.
    """
    row, column = np.divmod(positions, size[1])
    top, bottom, down = _neighbours(row, logits.shape[2], size[0])
    left, right, across = _neighbours(column, logits.shape[3], size[1])
    grid = logits[0]
    upper = grid[:, top, left] * (1 - across) + grid[:, top, right] * across
    lower = grid[:, bottom, left] * (1 - across) + grid[:, bottom, right] * across
    values = upper * (1 - down) + lower * down
    return metrics.top2_margin(values[:, :, None])[:, 0]


def _neighbours(
    pixel: NDArray[np.integer], cells: int, pixels: int
) -> tuple[NDArray[np.integer], NDArray[np.integer], FloatArray]:
    position = np.maximum((pixel + 0.5) * cells / pixels - 0.5, 0.0)
    first = np.minimum(position.astype(np.int64), cells - 1)
    return first, np.minimum(first + 1, cells - 1), position - first


def _compare(reference: Reference, logits: FloatArray) -> Agreement:
    labels = upsample_labels(logits, reference.size)[0]
    differing = np.flatnonzero(labels != reference.labels)
    margins = margins_at(reference.logits, reference.size, differing)
    untied = int(np.count_nonzero(margins > reference.tie_margin))
    return Agreement(
        max_abs_error=metrics.max_abs_error(reference.logits, logits),
        sqnr_db=metrics.sqnr_db(reference.logits, logits),
        label_agreement=metrics.label_agreement(reference.labels, labels),
        label_agreement_untied=1.0 - untied / labels.size,
    )


def _compare_golden(case: GoldenCase, logits: FloatArray, tensor: NDArray[np.float32]) -> Agreement:
    expected = np.frombuffer(case.logits, "<f4").astype(np.float64)
    expected_labels = np.frombuffer(case.labels, "<u2").astype(np.int64)
    margins = np.frombuffer(case.margins, "<f4")
    found = _sample(logits).astype(np.float64)
    size = (tensor.shape[2], tensor.shape[3])
    labels = _sample(upsample_labels(logits, size)[0])
    untied = (labels != expected_labels) & (margins > TIE_SHARE * expected.std())
    agreement = 1.0 - float(untied.mean())
    return Agreement(
        max_abs_error=metrics.max_abs_error(expected, found),
        sqnr_db=metrics.sqnr_db(expected, found),
        label_agreement=agreement,
        label_agreement_untied=agreement,
    )


def _worst(agreements: Sequence[InputAgreement]) -> Agreement:
    """Return the worst of each figure, which may come from different inputs."""
    each = [entry.agreement for entry in agreements]
    return Agreement(
        max_abs_error=max(agreement.max_abs_error for agreement in each),
        sqnr_db=min(agreement.sqnr_db for agreement in each),
        label_agreement=min(agreement.label_agreement for agreement in each),
        label_agreement_untied=min(agreement.label_agreement_untied for agreement in each),
    )


def _sample_positions(count: int) -> NDArray[np.int64]:
    return np.arange(GOLDEN_SAMPLES, dtype=np.int64) * SAMPLE_STEP % count


def _sample(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array.reshape(-1)[_sample_positions(array.size)]


def _tensor_sha256(tensor: NDArray[np.float32]) -> str:
    return sha256_bytes(np.ascontiguousarray(tensor, "<f4").tobytes())
