"""What one worker recorded, block by block, and what it tells of the surroundings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from topformer.benchmarks.documents.runner import Measured, SampleNs
from topformer.benchmarks.protocol.statistics import Array, first_and_last_third
from topformer.benchmarks.protocol.verdict import Evidence
from topformer.benchmarks.workers.rows import Loaded, RowRequest
from topformer.devices.machine import Counters


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of one row, with the machine's counters on either side of it."""

    measured: Measured
    # Since the first block of the run began.
    start_s: float
    elapsed_s: float
    before: Counters
    after: Counters


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Everything one worker said, in the order of time."""

    request: RowRequest
    loaded: Loaded
    blocks: list[Block] = field(default_factory=list)

    @property
    def warm_run_s(self) -> float:
        """Median time of the runs after loading, in seconds."""
        runs = self.loaded.warmups or (self.loaded.first,)
        return float(np.median([run.total for run in runs])) / 1e9

    def samples_ms(self) -> Array:
        """All samples [blocks, samples, 3]: preprocess, execute, postprocess."""
        return np.array([parts_ms(block.measured.samples) for block in self.blocks])

    def warmups_ms(self) -> list[float]:
        """Totals of all untimed runs."""
        runs = list(self.loaded.warmups)
        for block in self.blocks:
            runs += block.measured.warmups
        return [run.total / 1e6 for run in runs]


def parts_ms(samples: Sequence[SampleNs]) -> list[tuple[float, float, float]]:
    """Milliseconds of preprocess, execute and postprocess of each sample."""
    return [(s.preprocess / 1e6, s.execute / 1e6, s.postprocess / 1e6) for s in samples]


def gather_evidence(recording: Recording, *, cpu_count: int, machine_cpu_count: int) -> Evidence:
    """What the counters around a row's blocks say about its surroundings."""
    blocks = recording.blocks
    own_s = sum(block.measured.cpu_ns for block in blocks) / 1e9
    elapsed_s = _increase(blocks, lambda counters: counters.at_s)
    cpus_s = None if elapsed_s is None else elapsed_s * machine_cpu_count
    busy_s = _increase(blocks, lambda counters: counters.busy_s)
    others_s = None if busy_s is None else max(0.0, busy_s - own_s)
    if others_s is not None and cpus_s is not None:
        # Counters may say anything, but no more CPUs can be busy than there are.
        others_s = min(others_s, cpus_s)
    stolen_s = _increase(blocks, lambda counters: counters.stolen_s)
    stopped_s = _increase(blocks, lambda counters: counters.quota_stopped_s)
    events = _increase(blocks, lambda counters: counters.thermal_events)
    return Evidence(
        threads=recording.request.threads,
        cpu_count=cpu_count,
        machine_cpu_count=machine_cpu_count,
        background_cpus=_share(others_s, elapsed_s),
        steal_share=_share(stolen_s, cpus_s),
        frequency_ratio=_frequency_ratio(blocks),
        quota_share=_share(stopped_s, elapsed_s),
        thermal_events=None if events is None else round(events),
    )


def _share(part_s: float | None, whole_s: float | None) -> float | None:
    """Part of a time; None where either is not known, or the time did not pass."""
    if part_s is None or whole_s is None or whole_s <= 0:
        return None
    return part_s / whole_s


def _increase(blocks: Sequence[Block], counter: Callable[[Counters], float | None]) -> float | None:
    """Sum of a counter's growth over the blocks; None where it could not be read."""
    total = 0.0
    for block in blocks:
        before, after = counter(block.before), counter(block.after)
        if before is None or after is None:
            return None
        total += after - before
    return total


def _frequency_ratio(blocks: Sequence[Block]) -> float | None:
    values = [b.after.frequency_mhz for b in blocks if b.after.frequency_mhz is not None]
    if len(values) < len(blocks):
        return None
    first, last = first_and_last_third(np.array(values))
    return last / first
