"""One row of a bench as JSON: what was run, where, and what came out.

A row of a real machine is measured, and has latencies. A row of an emulated one is counted, and has
instructions without any times: how long an emulator takes says nothing of the device that it plays.
"""

from typing import Annotated, Literal

import msgspec

from topformer.benchmarks.documents.conditions import Build, StartingPicture
from topformer.devices.facts.documents import CheckedOutput
from topformer.documents import Count, Document, Number, Positive, Sha256, Share, ShortText, Side
from topformer.manifest import ClassCount
from topformer.tasks import SEGMENTATION

Interval = tuple[Number, Number]
# Documents come from anywhere: numbers are bounded so that nothing computed from them overflows.
SAMPLES_LIMIT = 2**20
Milliseconds = Annotated[float, msgspec.Meta(ge=0.0, le=1e9)]
Samples = Annotated[tuple[Milliseconds, ...], msgspec.Meta(min_length=1, max_length=SAMPLES_LIMIT)]
Ratios = Annotated[tuple[Number, ...], msgspec.Meta(min_length=1, max_length=SAMPLES_LIMIT)]
Seconds = Annotated[tuple[Number, ...], msgspec.Meta(min_length=1, max_length=SAMPLES_LIMIT)]
InstructionCount = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
InstructionTriple = tuple[InstructionCount, InstructionCount, InstructionCount]

VerdictWord = Literal["trusted", "noisy", "throttled"]
Part = Literal["preprocess", "execute", "postprocess", "total"]
PARTS: tuple[Part, ...] = ("preprocess", "execute", "postprocess", "total")


class Latency(Document, frozen=True, kw_only=True):
    """One part of the time from a picture in memory to its result, in milliseconds."""

    p50: Milliseconds
    p90: Milliseconds
    p99: Milliseconds
    min: Milliseconds
    # Of the median, from a bootstrap over blocks: it describes this run, not every machine.
    ci95: Interval
    # Every timed sample in the order it was taken, block after block; none is dropped.
    samples: Samples


class PairedRatio(Document, frozen=True, kw_only=True):
    """The median of ratios taken block by block, with a bootstrap interval."""

    median: Number
    interval: Interval
    # Share of such intervals that would hold the true value.
    confidence: Share
    # One ratio a block, in the order of time.
    ratios: Ratios


class RowWeights(Document, frozen=True, kw_only=True):
    """The weights behind a row: random ones are good for latency and nothing else."""

    name: ShortText
    random: bool


class Instructions(Document, frozen=True, kw_only=True):
    """ARM instructions of one inference: deterministic, a cost model, and no latency.

    Counted by a plugin of the emulator over all threads of the program, which marks where each part
    of a run begins and ends. Medians over the samples.
    """

    preprocess: InstructionCount
    execute: InstructionCount
    postprocess: InstructionCount
    total: InstructionCount
    # The one emulated, as in "cortex-a76"; libraries choose their code by it.
    cpu: ShortText
    # Preprocess, execute and postprocess of each inference, in the order they were run.
    samples: Annotated[
        tuple[InstructionTriple, ...], msgspec.Meta(min_length=1, max_length=SAMPLES_LIMIT)
    ]

    def of(self, part: Part) -> int:
        """How many one part of a run takes."""
        count: int = getattr(self, part)
        return count


class Cores(Document, frozen=True, kw_only=True):
    """The cores that a row ran on, as hexadecimal masks with CPU 0 as the lowest bit."""

    # Null where none were asked for.
    requested: ShortText | None
    # Read back from the running program.
    effective: ShortText
    # As in "big"; null where the mask is not that of one cluster.
    cluster: ShortText | None


class BaseRow(Document, frozen=True, kw_only=True):
    """One model file in one runtime with one thread count on one device, however it was run."""

    # Unique in its document; comparisons refer to it.
    name: ShortText
    model: ShortText
    # Of the file; of the weights where torch runs a checkpoint.
    sha256: Sha256
    variant: ShortText
    # As a manifest names it; documents from before it was told have segmentation alone.
    task: ShortText = SEGMENTATION
    # Of detectors, as in "lite"; else empty.
    detection_head: ShortText = ""
    classes: ClassCount
    weights: RowWeights
    runtime: ShortText
    # How the runtime was given the network, where it could be given in several ways.
    form: ShortText = ""
    precision: ShortText
    threads: Positive
    # Height and width of the network's input and of the result.
    image_size: tuple[Side, Side]
    # What each run began with. Null, in documents from before it was told, stands for a picture of
    # `image_size`.
    picture: StartingPicture | None = None
    # Null in documents from before it was told.
    build: Build | None = None
    device: ShortText
    # Null on the host, and on a device that does not tell.
    cores: Cores | None = None
    # Of the whole process, the runtime's libraries and Python included.
    peak_memory_bytes: Count


class MeasuredRow(BaseRow, frozen=True, kw_only=True, tag_field="kind", tag="measured"):
    """A row of a real machine."""

    verdict: VerdictWord
    # Each starts with its cause ("load", "drift", "spread", "throttling", "cores", "battery");
    # empty when trusted.
    reasons: tuple[ShortText, ...]
    preprocess_ms: Latency
    execute_ms: Latency
    postprocess_ms: Latency
    total_ms: Latency
    # What a user feels against the network alone, paired within each block.
    total_over_execute: PairedRatio
    # Cold: in a fresh process. The runtime's library is imported first, apart.
    import_ms: Milliseconds
    load_ms: Milliseconds
    first_execute_ms: Milliseconds
    # Totals of the untimed runs before the first block and at the head of each block.
    warmup_ms: tuple[Milliseconds, ...]
    # When each block began, in seconds since the first.
    block_starts_s: Seconds
    # CPUs that other processes kept busy meanwhile; null where that cannot be read.
    background_cpus: Number | None
    # Null on the host, and where the app's hashes tell nothing.
    check: CheckedOutput | None = None

    def __post_init__(self) -> None:
        """Refuse samples that do not fall into the blocks, or are not those of every part."""
        counts = {f"{part}_ms": len(self.latency(part).samples) for part in PARTS}
        for part, count in counts.items():
            if count % len(self.block_starts_s):
                raise ValueError(f"the samples of {part} do not fall into equal blocks")
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{count} of {part}" for part, count in counts.items())
            raise ValueError(f"the parts of row {self.name!r} have unequal samples: {told}")

    def latency(self, part: Part) -> Latency:
        """How long one part of a run takes."""
        latency: Latency = getattr(self, f"{part}_ms")
        return latency


class CountedRow(BaseRow, frozen=True, kw_only=True, tag_field="kind", tag="counted"):
    """A row of an emulated machine."""

    instructions: Instructions
    check: CheckedOutput


Row = MeasuredRow | CountedRow
