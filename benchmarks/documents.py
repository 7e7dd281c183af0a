"""The JSON that a bench writes, on this machine and on devices alike."""

from typing import Annotated

import msgspec

from topformer.benchmarks.devices.device_documents import DeviceFacts, DeviceState, StartGate
from topformer.benchmarks.published import PublishedRow
from topformer.benchmarks.row_documents import (
    ComparisonWord,
    PairedRatio,
    Part,
    Row,
    counted_rows,
    measured_rows,
)
from topformer.documents import Count, Document, SchemaName, ShortText


class Comparison(Document, frozen=True, kw_only=True):
    """How long one row takes as a multiple of another, paired in time."""

    row: ShortText
    baseline: ShortText
    part: Part
    ratio: PairedRatio
    verdict: ComparisonWord


class Protocol(Document, frozen=True, kw_only=True):
    """How the samples were taken; what it takes to repeat the run."""

    mode: ShortText
    seed: int
    rounds: Count
    samples_per_block: Count
    warmups: Count
    warmups_per_block: Count
    # Row numbers in the order in which each round measured them.
    order: tuple[tuple[int, ...], ...]
    # Ratios nearer to 1 than this are called no difference, however narrow their interval.
    ratio_allowance: float
    # Resized to the network's input before the clock starts.
    picture: ShortText
    clock: ShortText
    # Settings of the C library's allocator that every worker had.
    allocator: dict[str, str]


class Environment(Document, frozen=True, kw_only=True):
    """The machine that measured; null where it does not tell."""

    started_at: ShortText
    duration_s: float
    cpu_model: ShortText
    architecture: ShortText
    # CPUs that this process may use, and the quota of its container in CPUs.
    cpu_count: Count
    cpu_quota: float | None
    governor: ShortText | None
    frequency_mhz_before: float | None
    frequency_mhz_after: float | None
    load_average_before: tuple[float, float, float] | None
    load_average_after: tuple[float, float, float] | None
    memory_bytes: Count | None
    memory_available_bytes: Count | None
    os: ShortText
    container: bool
    virtual_machine: bool | None
    python: ShortText
    libraries: dict[str, str]
    # How OpenMP's threads wait; null in documents from before it was recorded.
    omp_wait_policy: ShortText | None = None


class StateSample(Document, frozen=True, kw_only=True):
    """The state of what is measured at one moment; null where it does not tell."""

    # Since the first block began.
    at_s: float
    # Of the CPU that is fastest now: the idle ones idle slowly.
    frequency_mhz: float | None = None
    temperature_c: float | None = None
    # Android's: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown.
    thermal_status: Annotated[int, msgspec.Meta(ge=0, le=6)] | None = None


class StateReading(Document, frozen=True, kw_only=True):
    """How a device was before, between or after blocks."""

    # Since the first block began.
    at_s: float
    state: DeviceState


class AppRecord(Document, frozen=True, kw_only=True):
    """The demo app that measured."""

    package: ShortText
    # Null where the device does not tell.
    version: ShortText | None
    # Of ExecuTorch.
    runtime_version: ShortText


class DeviceRecord(Document, frozen=True, kw_only=True):
    """A device on which rows were measured, and how that went."""

    facts: DeviceFacts
    # Of the C++ runner: for what it was built, on which ExecuTorch, by what. Null where the app
    # measured.
    runner_target: ShortText | None
    runner_runtime_version: ShortText | None
    runner_compiler: ShortText | None
    # Null where the runner measured.
    app: AppRecord | None = None
    protocol: Protocol
    start: StartGate
    readings: tuple[StateReading, ...]


class DeviceFailure(Document, frozen=True, kw_only=True):
    """A device that could not be measured while others could."""

    device: ShortText
    what: str
    why: str
    next_step: str


class BenchDocument(Document, frozen=True, kw_only=True):
    """The result of `topformer bench`."""

    schema: SchemaName = "topformer.bench/1"
    environment: Environment
    protocol: Protocol
    rows: Annotated[tuple[Row, ...], msgspec.Meta(min_length=1)]
    comparisons: tuple[Comparison, ...]
    # Of this machine, after each block; empty where it tells nothing.
    states: tuple[StateSample, ...] = ()
    # What others published of the same networks at the same sizes, for rows measured on devices.
    published: tuple[PublishedRow, ...] = ()
    # Empty for a bench of this machine. With several devices, `protocol` is that of the first.
    devices: tuple[DeviceRecord, ...] = ()
    failures: tuple[DeviceFailure, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rows that are neither measured nor counted, or both, or did not take turns."""
        counted_rows(self.rows)
        blocks: dict[str, int] = {}
        for row in measured_rows(self.rows):
            count = len(row.block_starts_s)
            first = blocks.setdefault(self.run_of(row), count)
            if count != first:
                raise ValueError(
                    f"row {row.name!r} has {count} blocks and others have {first}: rows of one "
                    "run take turns block by block"
                )

    def run_of(self, row: Row) -> str:
        """Name the run that a row is of: with several devices each has one, over its own time."""
        if len(self.devices) < 2:
            return ""
        serials = [device.facts.serial for device in self.devices]
        return next((serial for serial in serials if row.name.startswith(f"{serial}: ")), "")
