"""From what workers recorded to the rows and comparisons of the document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from topformer.benchmarks.documents import Comparison, Part, Row, RowWeights
from topformer.benchmarks.machine import Counters
from topformer.benchmarks.messages import FORM_TEXT, Loaded, Measured, SampleNs
from topformer.benchmarks.process import RowRequest
from topformer.benchmarks.statistics import judge_ratio, paired_ratio, summarise
from topformer.benchmarks.verdict import Evidence, first_and_last_third, judge

COMPARED_PARTS: tuple[Part, ...] = ("execute_ms", "total_ms")

Array = NDArray[np.float64]


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
        """All samples [blocks, samples, 3]: preprocess, execute, labels."""
        return np.array([parts_ms(block.measured.samples) for block in self.blocks])

    def warmups_ms(self) -> list[float]:
        """Totals of all untimed runs."""
        runs = list(self.loaded.warmups)
        for block in self.blocks:
            runs += block.measured.warmups
        return [run.total / 1e6 for run in runs]


def parts_ms(samples: Sequence[SampleNs]) -> list[tuple[float, float, float]]:
    """Milliseconds of preprocess, execute and labels of each sample."""
    return [(s.preprocess / 1e6, s.execute / 1e6, s.labels / 1e6) for s in samples]


def gather_evidence(recording: Recording, *, cpu_count: int, machine_cpu_count: int) -> Evidence:
    """What the counters around a row's blocks say about its surroundings."""
    blocks = recording.blocks
    elapsed_s = sum(block.elapsed_s for block in blocks)
    own_s = sum(block.measured.cpu_ns for block in blocks) / 1e9
    busy_s = _increase(blocks, lambda counters: counters.busy_s)
    stolen_s = _increase(blocks, lambda counters: counters.stolen_s)
    stopped_s = _increase(blocks, lambda counters: counters.quota_stopped_s)
    events = _increase(blocks, lambda counters: counters.thermal_events)
    return Evidence(
        threads=recording.request.threads,
        cpu_count=cpu_count,
        machine_cpu_count=machine_cpu_count,
        background_cpus=None if busy_s is None else max(0.0, busy_s - own_s) / elapsed_s,
        steal_share=None if stolen_s is None else stolen_s / elapsed_s / machine_cpu_count,
        frequency_ratio=_frequency_ratio(blocks),
        quota_share=None if stopped_s is None else stopped_s / elapsed_s,
        thermal_events=None if events is None else round(events),
    )


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


def build_row(
    recording: Recording,
    *,
    seed: int,
    cpu_count: int,
    machine_cpu_count: int,
    device: str = "host",
    emulated: bool = False,
) -> Row:
    """Summarise and judge one row."""
    request, loaded = recording.request, recording.loaded
    parts = recording.samples_ms()
    totals = parts.sum(axis=2)
    preprocess, execute, labels = (parts[:, :, index] for index in range(3))
    total_ms = summarise(totals, seed=seed)
    evidence = gather_evidence(recording, cpu_count=cpu_count, machine_cpu_count=machine_cpu_count)
    verdict = judge(totals, total_ms, evidence)
    return Row(
        name=request.name,
        model=loaded.model,
        sha256=loaded.sha256,
        variant=loaded.variant,
        weights=RowWeights(name=loaded.weights_name, random=loaded.weights_random),
        runtime=request.runtime,
        form=FORM_TEXT[request.form],
        precision=loaded.precision,
        threads=request.threads,
        image_size=loaded.image_size,
        device=device,
        emulated=emulated,
        verdict=verdict.word,
        reasons=verdict.reasons,
        preprocess_ms=summarise(preprocess, seed=seed),
        execute_ms=summarise(execute, seed=seed),
        labels_ms=summarise(labels, seed=seed),
        total_ms=total_ms,
        total_over_execute=paired_ratio(totals, execute, seed=seed),
        import_ms=loaded.import_ns / 1e6,
        load_ms=loaded.load_ns / 1e6,
        first_execute_ms=loaded.first.execute / 1e6,
        warmup_ms=tuple(recording.warmups_ms()),
        peak_memory_bytes=recording.blocks[-1].measured.peak_memory_bytes,
        block_starts_s=tuple(block.start_s for block in recording.blocks),
        background_cpus=evidence.background_cpus,
    )


def compare_rows(rows: Sequence[Row], *, blocks: int, seed: int) -> tuple[Comparison, ...]:
    """Compare the first row of each thread count with every other row of that count.

    Rows must come from one run, where block `i` of each was measured in the same round.
    """
    comparisons: list[Comparison] = []
    by_threads = sorted(rows, key=lambda row: row.threads)  # stable: the first stays the first
    for _, group in groupby(by_threads, key=lambda row: row.threads):
        first, *others = group
        for other in others:
            for part in COMPARED_PARTS:
                ratio = paired_ratio(
                    _blocks(first, part, blocks), _blocks(other, part, blocks), seed=seed
                )
                comparisons.append(
                    Comparison(
                        row=first.name,
                        baseline=other.name,
                        part=part,
                        ratio=ratio,
                        verdict=judge_ratio(ratio),
                    )
                )
    return tuple(comparisons)


def _blocks(row: Row, part: Part, blocks: int) -> Array:
    return np.array(getattr(row, part).samples).reshape(blocks, -1)
