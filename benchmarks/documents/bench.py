"""The JSON that a bench writes, on this machine and on devices alike."""

from pathlib import Path
from typing import Annotated

import msgspec

from topformer.benchmarks.documents.comparison import Comparison
from topformer.benchmarks.documents.published import PublishedRow
from topformer.benchmarks.documents.rows import CountedRow, MeasuredRow, Row
from topformer.devices.facts.documents import DeviceFacts, DeviceState, StartGate
from topformer.documents import (
    Count,
    Document,
    Number,
    SchemaName,
    Seed,
    ShortText,
    decode_document,
)
from topformer.errors import TopformerError
from topformer.files import read_text

# Every sample of ten minutes fits. Read, its numbers take ten times as much.
DOCUMENT_LIMIT_BYTES = 64 * 2**20
MAKE_ONE = "Make one with `topformer bench --json > FILE.json`."


class SamplingProtocol(Document, frozen=True, kw_only=True):
    """How the samples were taken; what it takes to repeat the run."""

    mode: ShortText
    seed: Seed
    rounds: Count
    samples_per_block: Count
    warmups: Count
    warmups_per_block: Count
    # Numbers of the rows in the order in which each round measured them.
    order: tuple[tuple[Count, ...], ...]
    # Ratios nearer to 1 than this are called no difference, however narrow their interval.
    ratio_allowance: Number
    # Its size as the clock starts is said in each row.
    picture: ShortText
    clock: ShortText
    # Settings of the C library's allocator that every worker had.
    allocator: dict[str, str]


class Environment(Document, frozen=True, kw_only=True):
    """The machine that measured; null where it does not tell."""

    started_at: ShortText
    duration_s: Number
    cpu_model: ShortText
    architecture: ShortText
    # CPUs that this process may use, and the quota of its container in CPUs.
    cpu_count: Count
    cpu_quota: Number | None
    governor: ShortText | None
    frequency_mhz_before: Number | None
    frequency_mhz_after: Number | None
    load_average_before: tuple[Number, Number, Number] | None
    load_average_after: tuple[Number, Number, Number] | None
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
    at_s: Number
    # Of the CPU that is fastest now: the idle ones idle slowly. Of a device, which is read while it
    # idles, the highest that the system allows that CPU of the used ones which lost most of it.
    frequency_mhz: Number | None = None
    temperature_c: Number | None = None
    # Android's: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown.
    thermal_status: Annotated[int, msgspec.Meta(ge=0, le=6)] | None = None


class StateReading(Document, frozen=True, kw_only=True):
    """How a device was before, between or after blocks."""

    # Since the first block began.
    at_s: Number
    state: DeviceState


class RunnerRecord(Document, frozen=True, kw_only=True, tag_field="kind", tag="runner"):
    """The C++ runner that measured: for what it was built, on which ExecuTorch, by what."""

    target: ShortText
    runtime_version: ShortText
    compiler: ShortText


class AppRecord(Document, frozen=True, kw_only=True, tag_field="kind", tag="app"):
    """The demo app that measured."""

    package: ShortText
    # Null where the device does not tell.
    version: ShortText | None
    # Of ExecuTorch.
    runtime_version: ShortText


class DeviceRecord(Document, frozen=True, kw_only=True):
    """A device on which rows were measured, and how that went."""

    facts: DeviceFacts
    program: RunnerRecord | AppRecord
    protocol: SamplingProtocol
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

    schema: SchemaName = "topformer.bench/1.2"
    environment: Environment
    protocol: SamplingProtocol
    rows: Annotated[tuple[Row, ...], msgspec.Meta(min_length=1)]
    comparisons: tuple[Comparison, ...]
    # Of this machine after each block, or of its one device around blocks; empty where it tells
    # nothing.
    states: tuple[StateSample, ...] = ()
    # What others published of the same networks at the same sizes, for rows measured on devices.
    published: tuple[PublishedRow, ...] = ()
    # Empty for a bench of this machine. With several devices, `protocol` is that of the first.
    devices: tuple[DeviceRecord, ...] = ()
    failures: tuple[DeviceFailure, ...] = ()

    @property
    def measured_rows(self) -> list[MeasuredRow]:
        """The rows of real machines, in order."""
        return [row for row in self.rows if isinstance(row, MeasuredRow)]

    @property
    def counted_rows(self) -> list[CountedRow]:
        """The rows of emulated machines, in order."""
        return [row for row in self.rows if isinstance(row, CountedRow)]

    def __post_init__(self) -> None:
        """Refuse rows of one run with unequal numbers of blocks."""
        blocks: dict[str, int] = {}
        for row in self.measured_rows:
            count = len(row.block_starts_s)
            first = blocks.setdefault(self.run_of(row), count)
            if count != first:
                raise ValueError(
                    f"row {row.name!r} has {count} blocks and others have {first}: rows of one "
                    "run have a block each in every round"
                )

    def run_of(self, row: Row) -> str:
        """Name the run that a row is of by the serial of its device; the host's is empty.

        Each of several devices has one, over its own time, and rows are named after it.
        """
        serials = [device.facts.serial for device in self.devices]
        if len(serials) == 1:
            return serials[0]
        return next((serial for serial in serials if row.name.startswith(f"{serial}: ")), "")


def read_bench(path: Path) -> BenchDocument:
    """Read what a bench wrote; raises `TopformerError` for anything else."""
    try:
        text = read_text(path, limit_bytes=DOCUMENT_LIMIT_BYTES, kind="bench document")
    except TopformerError as error:
        next_step = error.next_step or MAKE_ONE
        raise type(error)(error.what, why=error.why, next_step=next_step) from error
    refusal = f"{path} is not a bench document that this version understands."
    return decode_document(text, BenchDocument, refusal=refusal, next_step=MAKE_ONE)
