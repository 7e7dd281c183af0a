"""Run rows side by side on this machine: workers take turns, and the machine is watched."""

import os
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol as TypingProtocol

from topformer.benchmarks import machine
from topformer.benchmarks.documents import BenchDocument, Environment, Protocol, StateSample
from topformer.benchmarks.machine import Counters, read_counters
from topformer.benchmarks.messages import Loaded, Measured
from topformer.benchmarks.process import ALLOCATOR_SETTINGS, RowRequest, start_worker
from topformer.benchmarks.protocol import Mode, round_orders
from topformer.benchmarks.recording import Block, Recording, gather_evidence
from topformer.benchmarks.rows import build_row, compare_rows
from topformer.benchmarks.statistics import RATIO_ALLOWANCE

# How often progress is told: each time costs the machine a little.
REPORTS = 4


class Worker(TypingProtocol):
    """Something that measures one row when asked: a process here, a device elsewhere."""

    @property
    def request(self) -> RowRequest:
        """The row."""
        ...

    def load(self, *, warmups: int) -> Loaded:
        """Open the model cold, then warm it up."""
        ...

    def measure(self, *, samples: int, warmups: int) -> Measured:
        """Take one block of samples."""
        ...


@dataclass(kw_only=True)
class Run:
    """What the rounds have yielded so far."""

    recordings: list[Recording]
    samples_per_block: int
    order: list[tuple[int, ...]] = field(default_factory=list)


def bench_host(
    requests: Sequence[RowRequest],
    *,
    mode: Mode,
    seed: int,
    on_stage: Callable[[str], None],
    start: Callable[[RowRequest], AbstractContextManager[Worker]] = start_worker,
) -> BenchDocument:
    """Measure rows on this machine; raises `TopformerError` naming the row that fails.

    No worker outlives this call, however it ends.
    """
    watch = _EnvironmentWatch()
    with ExitStack() as stack:
        workers = [stack.enter_context(start(request)) for request in requests]
        run = run_rounds(workers, mode=mode, seed=seed, on_stage=on_stage)
    environment = watch.finish()
    rows = [
        build_row(
            recording,
            evidence=gather_evidence(
                recording,
                cpu_count=environment.cpu_count,
                machine_cpu_count=os.cpu_count() or environment.cpu_count,
            ),
            seed=seed,
        )
        for recording in run.recordings
    ]
    return BenchDocument(
        environment=environment,
        protocol=_describe(run, mode, seed),
        rows=tuple(rows),
        comparisons=compare_rows(rows, seed=seed),
        states=_states(run.recordings),
    )


def run_rounds(
    workers: Sequence[Worker],
    *,
    mode: Mode,
    seed: int,
    on_stage: Callable[[str], None],
    counters: Callable[[], Counters] = read_counters,
) -> Run:
    """Load every worker, one at a time, then let them take turns in random order."""
    recordings: list[Recording] = []
    for worker in workers:
        on_stage(f"loading {worker.request.name}")
        loaded = worker.load(warmups=mode.warmups)
        recordings.append(Recording(request=worker.request, loaded=loaded))
    samples = mode.samples_within_budget(sum(r.warm_run_s for r in recordings))
    run = Run(recordings=recordings, samples_per_block=samples)
    start_s = time.monotonic()
    orders = round_orders(len(workers), seed=seed)
    reports = 0
    while len(run.order) < mode.rounds or _elapsed_s(start_s) < mode.minimum_s:
        if _share_done(run, mode, _elapsed_s(start_s)) >= reports / REPORTS:
            on_stage(_progress(run, mode, _elapsed_s(start_s)))
            reports += 1
        order = next(orders)
        run.order.append(order)
        for row in order:
            block = _take_block(workers[row], samples, mode.warmups_per_block, start_s, counters)
            recordings[row].blocks.append(block)
    return run


def _share_done(run: Run, mode: Mode, elapsed_s: float) -> float:
    of_rounds = len(run.order) / mode.rounds
    return min(of_rounds, elapsed_s / mode.minimum_s) if mode.minimum_s else of_rounds


def _progress(run: Run, mode: Mode, elapsed_s: float) -> str:
    if mode.minimum_s:
        return f"measuring, {elapsed_s:.0f} of {mode.minimum_s:.0f} s done"
    return f"measuring, {len(run.order)} of {mode.rounds} rounds done"


def _elapsed_s(start_s: float) -> float:
    return time.monotonic() - start_s


def _take_block(
    worker: Worker,
    samples: int,
    warmups: int,
    run_start_s: float,
    counters: Callable[[], Counters],
) -> Block:
    before = counters()
    start_s = time.monotonic()
    measured = worker.measure(samples=samples, warmups=warmups)
    elapsed_s = time.monotonic() - start_s
    return Block(
        measured=measured,
        start_s=start_s - run_start_s,
        elapsed_s=elapsed_s,
        before=before,
        after=counters(),
    )


def _describe(run: Run, mode: Mode, seed: int) -> Protocol:
    return Protocol(
        mode=mode.name,
        seed=seed,
        rounds=len(run.order),
        samples_per_block=run.samples_per_block,
        warmups=mode.warmups,
        warmups_per_block=mode.warmups_per_block,
        order=tuple(run.order),
        ratio_allowance=RATIO_ALLOWANCE,
        picture=run.recordings[0].loaded.picture,
        clock="time.perf_counter_ns",
        allocator=ALLOCATOR_SETTINGS,
    )


def _states(recordings: Sequence[Recording]) -> tuple[StateSample, ...]:
    blocks = sorted((b for r in recordings for b in r.blocks), key=lambda block: block.start_s)
    return tuple(
        StateSample(at_s=b.start_s + b.elapsed_s, frequency_mhz=b.after.frequency_mhz)
        for b in blocks
        if b.after.frequency_mhz is not None
    )


class _EnvironmentWatch:
    """Notes the machine's state now, and again at `finish`."""

    def __init__(self) -> None:
        self._started_at = datetime.now(UTC)
        self._start_s = time.monotonic()
        self._load = machine.load_average()
        self._frequency_mhz = machine.frequency_mhz()

    def finish(self) -> Environment:
        """Describe the machine before and after."""
        memory_bytes, available_bytes = machine.memory_bytes()
        return Environment(
            started_at=self._started_at.isoformat(timespec="seconds"),
            duration_s=time.monotonic() - self._start_s,
            cpu_model=machine.cpu_model(),
            architecture=platform.machine(),
            cpu_count=machine.cpu_count(),
            cpu_quota=machine.cpu_quota(),
            governor=machine.governor(),
            frequency_mhz_before=self._frequency_mhz,
            frequency_mhz_after=machine.frequency_mhz(),
            load_average_before=self._load,
            load_average_after=machine.load_average(),
            memory_bytes=memory_bytes,
            memory_available_bytes=available_bytes,
            os=platform.platform(),
            container=machine.is_container(),
            virtual_machine=machine.is_virtual_machine(),
            python=platform.python_version(),
            libraries=machine.library_versions(),
        )
