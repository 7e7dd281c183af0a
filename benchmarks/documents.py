"""The JSON that a bench writes, on this machine and on devices alike."""

from typing import Annotated, Literal

import msgspec

from topformer.manifest import Count, Document, Sha256, ShortText

Interval = tuple[float, float]
Samples = Annotated[tuple[float, ...], msgspec.Meta(min_length=1)]

VerdictWord = Literal["trusted", "noisy", "throttled"]
ComparisonWord = Literal["faster", "slower", "no difference"]
Part = Literal["preprocess_ms", "execute_ms", "labels_ms", "total_ms"]
PARTS: tuple[Part, ...] = ("preprocess_ms", "execute_ms", "labels_ms", "total_ms")


class Latency(Document, frozen=True, kw_only=True):
    """One part of the time from a picture in memory to its labels, in milliseconds."""

    p50: float
    p90: float
    p99: float
    min: float
    # Of the median, from a bootstrap over blocks: it describes this run, not every machine.
    ci95: Interval
    # Every timed sample in the order it was taken, block after block; none is dropped.
    samples: Samples


class PairedRatio(Document, frozen=True, kw_only=True):
    """The median of ratios taken block by block, with a bootstrap interval."""

    median: float
    interval: Interval
    # Share of such intervals that would hold the true value.
    confidence: float
    # One ratio a block, in the order of time.
    ratios: Samples


class RowWeights(Document, frozen=True, kw_only=True):
    """The weights behind a row: random ones are good for latency and nothing else."""

    name: ShortText
    random: bool


class Row(Document, frozen=True, kw_only=True):
    """One model file in one runtime with one thread count on one device."""

    # Unique in its document; comparisons refer to it.
    name: ShortText
    model: ShortText
    # Of the file measured; of the weights where torch runs a checkpoint.
    sha256: Sha256
    variant: ShortText
    weights: RowWeights
    runtime: ShortText
    # How the runtime was given the network, where it could be given in several ways.
    form: ShortText = ""
    precision: ShortText
    threads: Annotated[int, msgspec.Meta(ge=1)]
    # Height and width of the picture, of the network's input and of the labels.
    image_size: tuple[int, int]
    device: ShortText
    emulated: bool
    verdict: VerdictWord
    # Each starts with its cause ("load", "drift", "spread", "throttling"); empty when trusted.
    reasons: tuple[ShortText, ...]
    preprocess_ms: Latency
    execute_ms: Latency
    labels_ms: Latency
    total_ms: Latency
    # What a user feels against the network alone, paired within each block.
    total_over_execute: PairedRatio
    # Cold: in a fresh process. The runtime's library is imported first, apart.
    import_ms: float
    load_ms: float
    first_execute_ms: float
    # Totals of the untimed runs before the first block and at the head of each block.
    warmup_ms: tuple[float, ...]
    # Of the whole process, the runtime's libraries and Python included.
    peak_memory_bytes: Count
    # When each block began, in seconds since the first.
    block_starts_s: Samples
    # CPUs that other processes kept busy meanwhile; null where that cannot be read.
    background_cpus: float | None


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


class BenchDocument(Document, frozen=True, kw_only=True):
    """The result of `topformer bench`."""

    schema: Literal["topformer.bench/1"] = "topformer.bench/1"
    environment: Environment
    protocol: Protocol
    rows: Annotated[tuple[Row, ...], msgspec.Meta(min_length=1)]
    comparisons: tuple[Comparison, ...]
