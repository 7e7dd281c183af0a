"""Rows take turns on a device that is watched, and become the bench's document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from topformer.benchmarks.benches.environment import EnvironmentWatch
from topformer.benchmarks.benches.watch import Watch, state_samples
from topformer.benchmarks.documents.bench import BenchDocument, DeviceRecord, Protocol, StateReading
from topformer.benchmarks.documents.published import published_rows
from topformer.benchmarks.documents.rows import Row
from topformer.benchmarks.protocol.comparison import compare_rows
from topformer.benchmarks.protocol.modes import Mode
from topformer.benchmarks.protocol.recording import Recording
from topformer.benchmarks.protocol.rounds import Worker, describe_protocol, run_rounds
from topformer.devices.facts.reading import read_state
from topformer.devices.links.link import Link

WorkerT = TypeVar("WorkerT", bound=Worker)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of the turns."""

    rows: tuple[Row, ...]
    protocol: Protocol
    readings: tuple[StateReading, ...]

    def document(self, environment: EnvironmentWatch, device: DeviceRecord) -> BenchDocument:
        """Make the document of a bench of this one device."""
        return BenchDocument(
            environment=environment.finish(),
            protocol=self.protocol,
            rows=self.rows,
            comparisons=compare_rows(self.rows, seed=self.protocol.seed),
            states=state_samples(self.readings),
            published=published_rows(self.rows),
            devices=(device,),
        )


def take_turns(
    link: Link,
    workers: Sequence[WorkerT],
    *,
    mode: Mode,
    seed: int,
    make_row: Callable[[Recording, WorkerT, Sequence[StateReading]], Row],
    on_stage: Callable[[str], None],
) -> Outcome:
    """Measure every worker's row by the protocol of `rounds`, the state read around each block.

    Raises `TopformerError` naming the row that fails.
    """
    watch = Watch(lambda: read_state(link))
    run = run_rounds(workers, mode=mode, seed=seed, on_stage=on_stage, counters=watch.counters)
    rows = [
        make_row(recording, worker, watch.readings)
        for recording, worker in zip(run.recordings, workers, strict=True)
    ]
    return Outcome(
        rows=tuple(rows),
        protocol=describe_protocol(
            run, mode=mode, seed=seed, clock="CLOCK_MONOTONIC", allocator={}
        ),
        readings=tuple(watch.readings),
    )
