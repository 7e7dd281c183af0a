"""From what was recorded on a device to rows: latencies, or an emulator's instruction counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from topformer.benchmarks.benches.rows import build_emulated_row, build_row
from topformer.benchmarks.benches.watch import device_evidence
from topformer.benchmarks.documents.bench import StateReading
from topformer.benchmarks.documents.rows import Cores, Row
from topformer.benchmarks.protocol.recording import Recording
from topformer.benchmarks.workers.device.counting import parse_log
from topformer.devices.facts.cores import cluster_word
from topformer.devices.facts.documents import CheckedOutput, DeviceFacts
from topformer.devices.workspace import Placement
from topformer.errors import TopformerError


def device_name(facts: DeviceFacts) -> str:
    """Maker and model; the serial where it tells neither."""
    return " ".join(filter(None, (facts.manufacturer, facts.model))) or facts.serial


@dataclass(frozen=True, kw_only=True)
class RowSetting:
    """Where a row was run, and whether it computed what it should."""

    facts: DeviceFacts
    # None where the device was left to choose.
    requested_mask: int | None
    # Read after each block.
    placements: Sequence[Placement]
    check: CheckedOutput

    def cores(self) -> Cores | None:
        """Where it ran; None where the device does not tell."""
        effective = self.placements[-1].allowed_mask if self.placements else None
        if effective is None:
            return None
        return Cores(
            requested=None if self.requested_mask is None else f"{self.requested_mask:x}",
            effective=f"{effective:x}",
            cluster=cluster_word(effective, self.facts.cores),
        )


def measured_row(
    recording: Recording, setting: RowSetting, *, readings: Sequence[StateReading], seed: int
) -> Row:
    """Make a row of a real device."""
    return build_row(
        recording,
        evidence=device_evidence(recording, readings, setting.placements, setting.facts),
        seed=seed,
        device=device_name(setting.facts),
        cores=setting.cores(),
        check=setting.check,
    )


def counted_row(recording: Recording, setting: RowSetting, *, log: bytes) -> Row:
    """Make a row of an emulated device; raises `TopformerError` when runs are missing in its log.

    `log` is what was counted: the cold run, the warm-ups, and the one block of samples.
    """
    counted = parse_log(log)
    (block,) = recording.blocks
    samples = len(block.measured.samples)
    expected = 1 + len(recording.loaded.warmups) + len(block.measured.warmups) + samples
    if len(counted.runs) != expected:
        raise TopformerError(
            f"{setting.facts.serial} counted {len(counted.runs)} runs of {expected}.",
            next_step="Try again; if it stays, restart the emulator.",
        )
    return build_emulated_row(
        recording,
        samples=counted.runs[-samples:],
        cpu=counted.cpu,
        device=device_name(setting.facts),
        cores=setting.cores(),
        check=setting.check,
    )
