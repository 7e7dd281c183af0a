"""The cost of a report's files, all in one bench, so that their rows can be compared."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from topformer.benchmarks.benches.device import RunnerPlan, bench_device
from topformer.benchmarks.benches.host import bench_host
from topformer.benchmarks.documents.bench import BenchDocument, read_bench
from topformer.benchmarks.documents.rows import MeasuredRow, Row
from topformer.benchmarks.protocol.modes import get_mode
from topformer.benchmarks.workers.rows import RowRequest
from topformer.console.output import warn
from topformer.console.progress import stdout_for_results
from topformer.devices.links.adb import choose_devices, connect
from topformer.devices.links.link import Link
from topformer.devices.links.ssh import PREFIX as SSH
from topformer.devices.links.ssh import connect_ssh
from topformer.devices.machine import cpu_model, library_versions, memory_bytes
from topformer.documents import encode_document
from topformer.errors import UsageError
from topformer.files import atomic_write
from topformer.verbs.report.document import CountedCost, MeasuredCost, MeasuredOn
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.make import ProvedFile

# Of the random order of rows in each round.
ORDER_SEED = 0
HOST, ADB, RUNNER = "host", "adb", "runner"
# What the runner on devices runs.
DEVICE_RUNTIME = "executorch"
# Of a worker on this machine that shares nothing with others; all of a bench live at once.
WORKER_BYTES = 200 * 2**20

OnProgress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class MeasureOptions:
    """Where and how files are measured."""

    # "host", "adb" or "ssh:HOST".
    device: str
    serial: str | None
    threads: int
    mode: str
    # For devices alone.
    cores: str | None
    max_start_temp_c: float | None

    def check(self, files: int) -> None:
        """Raise `UsageError` for what does not fit, before any file is made."""
        get_mode(self.mode)
        if self.device not in {HOST, ADB} and not self.device.startswith(SSH):
            raise UsageError(
                f"There is no device called {self.device!r} to measure on.",
                next_step="Choose host (this machine), adb (Android; --serial says which) or "
                "ssh:HOST (ARM Linux).",
            )
        given = {
            "--serial": self.serial,
            "--cores": self.cores,
            "--max-start-temp": self.max_start_temp_c,
        }
        for option, value in given.items():
            if value is not None and self.device == HOST:
                raise UsageError(
                    f"{option} is for devices.",
                    next_step=f"Add --device adb, or leave {option} out.",
                )
        if self.serial is not None and self.device != ADB:
            raise UsageError("--serial is for --device adb.")
        available = memory_bytes()[1]
        if self.device == HOST and available is not None and files * WORKER_BYTES > available:
            raise UsageError(
                f"{files} files cannot be measured here side by side.",
                why=f"Each has a process of its own with about {WORKER_BYTES >> 20} MiB, and "
                f"{available >> 20:,} MiB are free.",
                next_step="Make several reports, or close what takes memory.",
            )

    def runs(self, file: ProvedFile) -> bool:
        """Whether a file is measured there: one that passed its proof, in a runtime that is."""
        return file.proof.passed and (self.device == HOST or file.runtime == DEVICE_RUNTIME)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A bench of a report's files."""

    bench: BenchDocument
    path: Path

    def row_of(self, name: str) -> Row | None:
        """Find the row of a file; None where it was not measured."""
        return next((row for row in self.bench.rows if row.name == name), None)

    @property
    def doubtful(self) -> int:
        """How many of its rows cannot be relied on; counts always can."""
        return sum(row.verdict != "trusted" for row in self.bench.measured_rows)

    def describe(self, threads: int) -> MeasuredOn:
        """Say where and how it was measured."""
        bench = self.bench
        device = bench.rows[0].device
        return MeasuredOn(
            place=bench.environment.cpu_model if device == HOST else device,
            emulated=bool(bench.counted_rows),
            started_at=bench.environment.started_at,
            mode=bench.protocol.mode,
            threads=threads,
            document=self.path.name,
        )


def cost_of(row: Row) -> MeasuredCost | CountedCost:
    """Take from a row what a report shows."""
    if isinstance(row, MeasuredRow):
        return MeasuredCost(
            total_ms=row.total_ms.p50,
            interval_ms=row.total_ms.ci95,
            network_ms=row.execute_ms.p50,
            verdict=row.verdict,
            reasons=row.reasons,
        )
    counts = row.instructions
    return CountedCost(total=counts.total, network=counts.execute, cpu=counts.cpu)


def measure_files(
    files: Sequence[ProvedFile], options: MeasureOptions, kept: Kept, on_progress: OnProgress
) -> Measured | None:
    """Measure all files that run there in one bench; None where there are none.

    An earlier bench of the same is taken if all of its rows are trusted, or fewer are not than of
    the new one. Raises `TopformerError` where one of them fails.
    """
    measured = [file for file in files if options.runs(file)]
    if not measured:
        return None
    with _link(options) as link:
        return _measure(measured, options, link, kept, on_progress)


def _link(options: MeasureOptions) -> AbstractContextManager[Link | None]:
    if options.device == HOST:
        return nullcontext()
    if options.device.startswith(SSH):
        return connect_ssh(options.device)
    return nullcontext(connect(choose_devices(options.serial, all_devices=False)[0]))


def _measure(
    measured: Sequence[ProvedFile],
    options: MeasureOptions,
    link: Link | None,
    kept: Kept,
    on_progress: OnProgress,
) -> Measured:
    facts = {
        "files": [(file.name, *file.identity) for file in measured],
        "device": cpu_model() if link is None else link.name,
        "options": options,
        "versions": library_versions(),
    }
    known = kept.find("bench", facts)
    earlier = None if known is None else Measured(bench=read_bench(known[0]), path=known[0])
    if earlier is not None and not earlier.doubtful:
        return earlier
    requests = [
        RowRequest(
            name=file.name,
            source=str(file.path),
            runtime=file.runtime if link is None else RUNNER,
            threads=options.threads,
        )
        for file in measured
    ]
    path = kept.folder / "bench.json"
    found = Measured(bench=_bench(requests, options, link, on_progress), path=path)
    if earlier is not None and earlier.doubtful < found.doubtful:
        on_progress("kept the earlier bench, of which more can be trusted")
        return earlier
    atomic_write(path, encode_document(found.bench))
    kept.note("bench", facts, [path])
    return found


def _bench(
    requests: Sequence[RowRequest],
    options: MeasureOptions,
    link: Link | None,
    on_progress: OnProgress,
) -> BenchDocument:
    mode = get_mode(options.mode)
    if link is None:
        return bench_host(requests, mode=mode, seed=ORDER_SEED, on_progress=on_progress)
    plan = RunnerPlan(
        requests=requests,
        mode=mode,
        seed=ORDER_SEED,
        max_start_c=options.max_start_temp_c,
        cores=options.cores,
        bundle=None,
    )
    with stdout_for_results():
        return bench_device(link, plan, on_progress=on_progress, on_warning=warn)
