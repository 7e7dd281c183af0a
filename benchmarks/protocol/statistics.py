"""Statistics of latency samples: percentiles, and intervals that respect blocks.

Samples are taken in blocks. Those of one block are taken while the machine is in one state, and are
not independent, so every interval here resamples whole blocks (a cluster bootstrap) and never
single samples. No sample is dropped anywhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topformer.benchmarks.documents.comparison import RatioWord
from topformer.benchmarks.documents.rows import Latency, MeasuredRow, PairedRatio, Part

# How sure a comparison is, and the ratio below which it claims nothing. Blocks that alternate in
# time cancel drift, but not what is fixed for the life of a process (where its memory happened to
# land). No resampling within one run can see that, and processes of one file differ by half a
# percent or so; hence an allowance beside the interval. With both, the simulation in
# tests/benchmarks/protocol/test_statistics.py holds its promises: of 100 runs of one thing against
# itself at most one reports a difference, and a slow-down of 5 % is missed at most five times.
CONFIDENCE = 0.99
RATIO_ALLOWANCE = 0.02
# Runs at different times share no moment, so nothing cancels: what the machine drifted within each
# is the least that may lie between them, and is allowed for where it is more. On a steady machine
# both promises hold for trusted rows. Where a run drifts by several per cent, five pairs in a
# hundred differ though nothing changed, and two slow-downs of 5 % in five are found.

RESAMPLES = 2000
# Bounds the memory of one bootstrap step.
_STEP_ELEMENTS = 4_000_000

Array = NDArray[np.float64]


def median_interval(
    blocks: Array, *, confidence: float, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Bootstrap interval of the median of samples [blocks, samples], resampling whole blocks.

    The percentile method (Efron and Tibshirani 1993, chapter 13).
    """
    medians = _resampled_medians(blocks, seed=seed, resamples=resamples)
    return _quantile_interval(medians, confidence)


def _quantile_interval(values: Array, confidence: float) -> tuple[float, float]:
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)


def _resampled_medians(blocks: Array, *, seed: int, resamples: int) -> Array:
    count = len(blocks)
    random = np.random.default_rng(seed)
    step = max(1, _STEP_ELEMENTS // blocks.size)
    medians = np.empty(resamples)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        picked = random.integers(0, count, size=(stop - start, count))
        medians[start:stop] = np.median(blocks[picked].reshape(stop - start, -1), axis=1)
    return medians


def first_and_last_third(values: NDArray[np.float64]) -> tuple[float, float]:
    """Medians of the first and the last third of values [n, ...] in the order of time."""
    third = max(1, len(values) // 3)
    return float(np.median(values[:third])), float(np.median(values[-third:]))


def summarise(blocks: Array, *, seed: int) -> Latency:
    """Describe samples [blocks, samples] in milliseconds; percentiles interpolate linearly."""
    p50, p90, p99 = np.percentile(blocks, [50, 90, 99])
    return Latency(
        p50=float(p50),
        p90=float(p90),
        p99=float(p99),
        min=float(blocks.min()),
        ci95=median_interval(blocks, confidence=0.95, seed=seed),
        samples=tuple(blocks.ravel().tolist()),
    )


def paired_ratio(blocks: Array, baseline: Array, *, seed: int) -> PairedRatio:
    """How many times as long as the baseline, both [blocks, samples] with block `i` side by side.

    Each pair of blocks gives one ratio of medians, so whatever slows both at that time cancels.
    """
    if len(blocks) != len(baseline):
        raise ValueError(f"{len(blocks)} blocks cannot be paired with {len(baseline)}")
    ratios = np.median(blocks, axis=1) / np.median(baseline, axis=1)
    return PairedRatio(
        median=float(np.median(ratios)),
        interval=median_interval(ratios[:, np.newaxis], confidence=CONFIDENCE, seed=seed),
        confidence=CONFIDENCE,
        ratios=tuple(ratios.tolist()),
    )


@dataclass(frozen=True, kw_only=True)
class UnpairedRatio:
    """The ratio of the medians of two runs, with a bootstrap interval."""

    median: float
    interval: tuple[float, float]
    # What must lie between the interval and 1 for the runs to differ.
    allowance: float


def unpaired_ratio(blocks: Array, baseline: Array, *, seed: int) -> UnpairedRatio:
    """How many times as long as the baseline, both [blocks, samples] of runs at different times."""
    # One seed each, lest the runs' blocks be drawn alike.
    above = _resampled_medians(blocks, seed=seed, resamples=RESAMPLES)
    below = _resampled_medians(baseline, seed=seed + 1, resamples=RESAMPLES)
    drift = sum(abs(np.log(np.divide(*first_and_last_third(run)))) for run in (blocks, baseline))
    return UnpairedRatio(
        median=float(np.median(blocks) / np.median(baseline)),
        interval=_quantile_interval(above / below, CONFIDENCE),
        allowance=max(RATIO_ALLOWANCE, float(np.expm1(drift))),
    )


def judge_ratio(interval: tuple[float, float], *, allowance: float = RATIO_ALLOWANCE) -> RatioWord:
    """Name a difference only when the whole interval lies beyond the allowance around 1."""
    low, high = interval
    if low > 1.0 + allowance:
        return "slower"
    if high < 1.0 / (1.0 + allowance):
        return "faster"
    return "no difference"


def blocks_of(row: MeasuredRow, part: Part) -> Array:
    """Return the samples [blocks, samples] of one part."""
    return np.array(row.latency(part).samples).reshape(len(row.block_starts_s), -1)
