"""Rows take turns: every worker measures one block a round, in random order."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol as TypingProtocol

from topformer.benchmarks.documents.bench import Protocol
from topformer.benchmarks.documents.messages import Loaded, Measured
from topformer.benchmarks.protocol.modes import Mode, round_orders
from topformer.benchmarks.protocol.recording import Block, Recording
from topformer.benchmarks.protocol.statistics import RATIO_ALLOWANCE
from topformer.benchmarks.workers.process import RowRequest
from topformer.devices.machine import Counters, read_counters

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


def describe_protocol(
    run: Run, *, mode: Mode, seed: int, clock: str, allocator: dict[str, str]
) -> Protocol:
    """Say how the samples of a run were taken."""
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
        clock=clock,
        allocator=allocator,
    )
