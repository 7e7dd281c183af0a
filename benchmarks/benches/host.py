"""Run rows side by side on this machine, and watch it meanwhile."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

from topformer.benchmarks.benches.environment import EnvironmentWatch
from topformer.benchmarks.benches.rows import measured_row
from topformer.benchmarks.documents.bench import BenchDocument, StateSample
from topformer.benchmarks.protocol.comparison import compare_run
from topformer.benchmarks.protocol.modes import Mode
from topformer.benchmarks.protocol.recording import Recording, gather_evidence
from topformer.benchmarks.protocol.rounds import Worker, run_rounds
from topformer.benchmarks.workers.host import start_worker
from topformer.benchmarks.workers.process import ALLOCATOR_SETTINGS
from topformer.benchmarks.workers.rows import RowRequest


def bench_host(
    requests: Sequence[RowRequest],
    *,
    mode: Mode,
    seed: int,
    on_progress: Callable[[str], None],
    start: Callable[[RowRequest], AbstractContextManager[Worker]] = start_worker,
) -> BenchDocument:
    """Measure rows on this machine; raises `TopformerError` naming the row that fails.

    No worker outlives this call, however it ends.
    """
    watch = EnvironmentWatch()
    with ExitStack() as stack:
        workers = [stack.enter_context(start(request)) for request in requests]
        recorded = run_rounds(
            workers,
            mode=mode,
            seed=seed,
            clock="time.perf_counter_ns",
            allocator=ALLOCATOR_SETTINGS,
            on_progress=on_progress,
        )
    environment = watch.finish()
    rows = tuple(
        measured_row(
            recording,
            evidence=gather_evidence(
                recording,
                cpu_count=environment.cpu_count,
                machine_cpu_count=os.cpu_count() or environment.cpu_count,
            ),
            seed=seed,
        )
        for recording in recorded.recordings
    )
    return BenchDocument(
        environment=environment,
        protocol=recorded.protocol,
        rows=rows,
        comparisons=compare_run(rows, environment, recorded.protocol),
        states=_states(recorded.recordings),
    )


def _states(recordings: Sequence[Recording]) -> tuple[StateSample, ...]:
    blocks = sorted((b for r in recordings for b in r.blocks), key=lambda block: block.start_s)
    return tuple(
        StateSample(at_s=b.start_s + b.elapsed_s, frequency_mhz=b.after.frequency_mhz)
        for b in blocks
        if b.after.frequency_mhz is not None
    )
