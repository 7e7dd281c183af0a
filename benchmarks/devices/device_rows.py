"""From what was recorded on a device to rows: latencies, or an emulator's instruction counts."""

from collections.abc import Sequence

from topformer.benchmarks.devices.cores import cluster_word
from topformer.benchmarks.devices.counting import parse_log
from topformer.benchmarks.devices.device_documents import CheckedOutput, DeviceFacts
from topformer.benchmarks.devices.watch import device_evidence
from topformer.benchmarks.devices.workspace import Placement
from topformer.benchmarks.documents import StateReading
from topformer.benchmarks.recording import Recording
from topformer.benchmarks.row_documents import Cores, Row
from topformer.benchmarks.rows import build_emulated_row, build_row
from topformer.errors import TopformerError


def device_name(facts: DeviceFacts) -> str:
    """Maker and model; the serial where it tells neither."""
    return " ".join(filter(None, (facts.manufacturer, facts.model))) or facts.serial


def measured_row(
    recording: Recording,
    *,
    check: CheckedOutput,
    facts: DeviceFacts,
    requested_mask: int | None,
    placements: Sequence[Placement],
    readings: Sequence[StateReading],
    seed: int,
) -> Row:
    """Make a row of a real device."""
    return build_row(
        recording,
        evidence=device_evidence(recording, readings, placements, facts),
        seed=seed,
        device=device_name(facts),
        cores=_cores(facts, requested_mask, placements),
        check=check,
    )


def counted_row(
    recording: Recording,
    *,
    check: CheckedOutput,
    facts: DeviceFacts,
    requested_mask: int | None,
    placements: Sequence[Placement],
    log: bytes,
) -> Row:
    """Make a row of an emulated device; raises `TopformerError` when runs are missing in its log.

    `log` is what was counted: the cold run, the warm-ups and the samples of every block.
    """
    counted = parse_log(log)
    timed = [len(block.measured.samples) for block in recording.blocks]
    untimed = 1 + len(recording.loaded.warmups)
    untimed += sum(len(block.measured.warmups) for block in recording.blocks)
    if len(counted.runs) != untimed + sum(timed) or len(timed) != 1:
        raise TopformerError(
            f"{facts.serial} counted {len(counted.runs)} runs of {untimed + sum(timed)}.",
            next_step="Try again; if it stays, restart the emulator.",
        )
    return build_emulated_row(
        recording,
        samples=counted.runs[-timed[0] :],
        cpu=counted.cpu,
        device=device_name(facts),
        cores=_cores(facts, requested_mask, placements),
        check=check,
    )


def _cores(
    facts: DeviceFacts, requested_mask: int | None, placements: Sequence[Placement]
) -> Cores | None:
    """Say where the row ran; None where the device does not tell."""
    effective = placements[-1].allowed_mask if placements else None
    if effective is None:
        return None
    return Cores(
        requested=None if requested_mask is None else f"{requested_mask:x}",
        effective=f"{effective:x}",
        cluster=cluster_word(effective, facts.cores),
    )
