"""Rounds: in each, every worker measures one block, in random order."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from topformer.benchmarks.documents.bench import SamplingProtocol
from topformer.benchmarks.documents.runner import Measured
from topformer.benchmarks.protocol.modes import Mode, round_orders
from topformer.benchmarks.protocol.recording import Block, Recording
from topformer.benchmarks.protocol.statistics import RATIO_ALLOWANCE
from topformer.benchmarks.workers.rows import Loaded, RowRequest
from topformer.devices.machine import Counters, read_counters

# How often progress is told: each time costs the machine a little.
REPORTS = 4


class Worker(Protocol):
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


class Surroundings(Protocol):
    """The machine around the blocks, which is asked for its counters on either side of each."""

    def before_block(self) -> Counters:
        """Return those with which the next block begins."""
        ...

    def after_block(self) -> Counters:
        """Return those with which a block has just ended."""
        ...


class ThisMachine:
    """Surroundings that are read at no cost."""

    def before_block(self) -> Counters:
        """Read all counters."""
        return read_counters()

    def after_block(self) -> Counters:
        """Read all counters."""
        return read_counters()


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the rounds have yielded: one recording a worker, and how they were taken."""

    recordings: tuple[Recording, ...]
    protocol: SamplingProtocol


def run_rounds(
    workers: Sequence[Worker],
    *,
    mode: Mode,
    seed: int,
    clock: str,
    allocator: dict[str, str],
    on_progress: Callable[[str], None],
    surroundings: Surroundings | None = None,
) -> Recorded:
    """Load every worker, one at a time, then let each measure one block a round.

    `clock` and `allocator` are for the record: what the workers tell time by, and the settings of
    the C library's allocator that they have. `surroundings` None are those of this machine.
    """
    surroundings = surroundings or ThisMachine()
    recordings: list[Recording] = []
    for worker in workers:
        on_progress(f"loading {worker.request.name}")
        loaded = worker.load(warmups=mode.warmups)
        recordings.append(Recording(request=worker.request, loaded=loaded))
    samples = mode.samples_within_budget(sum(r.warm_run_s for r in recordings))
    surroundings.before_block()  # the first time may take long, and the run begins with a block
    start_s = time.monotonic()
    orders = round_orders(len(workers), seed=seed)
    done: list[tuple[int, ...]] = []
    reports = 0
    while len(done) < mode.rounds or _elapsed_s(start_s) < mode.minimum_s:
        if _share_done(len(done), mode, _elapsed_s(start_s)) >= reports / REPORTS:
            on_progress(_progress(len(done), mode, _elapsed_s(start_s)))
            reports += 1
        done.append(next(orders))
        for row in done[-1]:
            block = _take_block(
                workers[row], samples, mode.warmups_per_block, start_s, surroundings
            )
            recordings[row].blocks.append(block)
    return Recorded(
        recordings=tuple(recordings),
        protocol=SamplingProtocol(
            mode=mode.name,
            seed=seed,
            rounds=len(done),
            samples_per_block=samples,
            warmups=mode.warmups,
            warmups_per_block=mode.warmups_per_block,
            order=tuple(done),
            ratio_allowance=RATIO_ALLOWANCE,
            picture=recordings[0].loaded.picture_name,
            clock=clock,
            allocator=allocator,
        ),
    )


def _share_done(rounds: int, mode: Mode, elapsed_s: float) -> float:
    of_rounds = rounds / mode.rounds
    return min(of_rounds, elapsed_s / mode.minimum_s) if mode.minimum_s else of_rounds


def _progress(rounds: int, mode: Mode, elapsed_s: float) -> str:
    if mode.minimum_s:
        return f"measuring, {elapsed_s:.0f} of {mode.minimum_s:.0f} s done"
    return f"measuring, {rounds} of {mode.rounds} rounds done"


def _elapsed_s(start_s: float) -> float:
    return time.monotonic() - start_s


def _take_block(
    worker: Worker,
    samples: int,
    warmups: int,
    run_start_s: float,
    surroundings: Surroundings,
) -> Block:
    before = surroundings.before_block()
    start_s = time.monotonic()
    measured = worker.measure(samples=samples, warmups=warmups)
    elapsed_s = time.monotonic() - start_s
    after = surroundings.after_block()
    return Block(
        measured=measured,
        start_s=start_s - run_start_s,
        elapsed_s=elapsed_s,
        before=before,
        after=after,
    )
