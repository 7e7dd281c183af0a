from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from topformer.benchmarks.protocol.modes import MODES
from topformer.benchmarks.protocol.statistics import (
    CONFIDENCE,
    judge_ratio,
    median_interval,
    paired_ratio,
    summarise,
    unpaired_ratio,
)
from topformer.benchmarks.protocol.verdict import Evidence, judge

SIMULATED_RUNS = 100
# Processes of one file differ for as long as they live, because memory lands elsewhere: the spread
# of that constant. Eight processes of one .pte came out within 2 % of each other.
PROCESS_SPREAD = 0.006


def shared_trouble(steps: int, random: np.random.Generator, *, drift: float = 1.0) -> np.ndarray:
    """How much slower than undisturbed a machine is at each step of its time.

    A slow random walk and a linear trend (clock and heat), autocorrelated noise, bursts of other
    people's work that last for several samples, and single spikes. `drift` scales the first two.
    """
    walk = drift * np.cumsum(random.normal(0.0, 0.03 / np.sqrt(steps), steps))
    trend = drift * random.uniform(-0.08, 0.08) * np.linspace(0.0, 1.0, steps)
    noise = np.empty(steps)
    noise[0] = random.normal(0.0, 0.02)
    kicks = random.normal(0.0, 0.02 * np.sqrt(1 - 0.8**2), steps)
    for step in range(1, steps):
        noise[step] = 0.8 * noise[step - 1] + kicks[step]
    bursts = np.zeros(steps)
    for start in np.flatnonzero(random.random(steps) < 0.002):
        bursts[start : start + random.geometric(1 / 15)] += random.uniform(0.1, 0.6)
    spikes = np.where(random.random(steps) < 0.02, random.exponential(0.3, steps), 0.0)
    return np.exp(walk + trend + noise) * (1.0 + bursts + spikes)


def simulate(slow_down: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two rows [rounds, samples] that took turns in random order on one troubled machine."""
    mode = MODES["standard"]
    random = np.random.default_rng(seed)
    trouble = shared_trouble(2 * mode.rounds * mode.samples_per_block, random)
    processes = np.exp(random.normal(0.0, PROCESS_SPREAD, 2)) * [1.0, slow_down]
    rows = np.empty((2, mode.rounds, mode.samples_per_block))
    turns = iter(trouble.reshape(-1, mode.samples_per_block))
    for number in range(mode.rounds):
        for row in random.permutation(2):
            rows[row, number] = 12.8 * processes[row] * next(turns)
    return rows[0], rows[1]


def verdicts(slow_down: float) -> list[str]:
    found = []
    for seed in range(SIMULATED_RUNS):
        baseline, row = simulate(slow_down, seed)
        found.append(judge_ratio(paired_ratio(row, baseline, seed=seed).interval))
    return found


def test_a_thing_compared_with_itself_shows_no_difference():
    assert verdicts(1.0).count("no difference") >= 99


def test_a_slow_down_of_five_percent_is_found():
    assert verdicts(1.05).count("slower") >= 95


def test_a_speed_up_of_five_percent_is_found():
    assert verdicts(1 / 1.05).count("faster") >= 95


def test_unpaired_medians_would_be_fooled_where_paired_ratios_are_not():
    # The same machine and noise, but one row after the other instead of in turns.
    fooled = 0
    for seed in range(SIMULATED_RUNS):
        trouble = shared_trouble(640, np.random.default_rng(seed)).reshape(2, 40, 8)
        fooled += (
            judge_ratio(paired_ratio(trouble[1], trouble[0], seed=seed).interval) != "no difference"
        )
    assert fooled > 10


def unpaired_verdicts(slow_down: float, *, drift: float) -> list[str]:
    """What is said of runs at different times, where both were trusted."""
    quiet = Evidence(threads=1, cpu_count=4, machine_cpu_count=4, frequency_ratio=1.0)
    found = []
    for seed in count():
        random = np.random.default_rng(seed)
        runs = []
        for factor in (1.0, slow_down):
            trouble = shared_trouble(320, random, drift=drift).reshape(40, 8)
            runs.append(12.8 * factor * np.exp(random.normal(0.0, PROCESS_SPREAD)) * trouble)
        if any(judge(run, summarise(run, seed=0), quiet).word != "trusted" for run in runs):
            continue
        ratio = unpaired_ratio(runs[1], runs[0], seed=seed)
        found.append(judge_ratio(ratio.interval, allowance=ratio.allowance))
        if len(found) == SIMULATED_RUNS:
            return found
    raise AssertionError


@pytest.mark.slow
def test_runs_of_one_thing_on_a_steady_machine_show_no_difference():
    assert unpaired_verdicts(1.0, drift=0.0).count("no difference") >= 99


@pytest.mark.slow
def test_a_slow_down_between_runs_on_a_steady_machine_is_found():
    assert unpaired_verdicts(1.05, drift=0.0).count("slower") >= 95


@pytest.mark.slow
def test_runs_on_a_machine_that_drifts_are_seldom_called_different():
    assert unpaired_verdicts(1.0, drift=1.0).count("no difference") >= 94


@pytest.mark.slow
def test_a_slow_down_between_runs_on_a_machine_that_drifts_is_found_at_times():
    words = unpaired_verdicts(1.05, drift=1.0)
    assert words.count("slower") >= 40
    assert words.count("faster") == 0


def test_percentiles_are_those_of_all_samples():
    found = summarise(np.arange(101.0).reshape(1, 101), seed=0)
    assert (found.p50, found.p90, found.p99, found.min) == (50.0, 90.0, 99.0, 0.0)


def test_an_outlier_stays_in_the_samples_and_in_the_tail():
    blocks = np.full((4, 5), 10.0)
    blocks[1, 2] = 500.0
    summary = summarise(blocks, seed=0)
    assert summary.samples[7] == 500.0
    assert len(summary.samples) == 20
    assert summary.p50 == 10.0
    assert summary.p99 > 300.0


def test_blocks_that_differ_widen_the_interval_more_than_samples_that_do():
    random = np.random.default_rng(0)
    between = np.repeat(random.normal(10.0, 1.0, (20, 1)), 10, axis=1)
    within = random.permutation(between.ravel()).reshape(20, 10)

    def width(blocks: np.ndarray) -> float:
        low, high = median_interval(blocks, confidence=0.95, seed=0)
        return high - low

    assert width(between) > 1.5 * width(within)


def test_intervals_hold_the_true_median_as_often_as_they_claim():
    hits = 0
    for seed in range(200):
        blocks = np.random.default_rng(seed).normal(10.0, 1.0, (40, 1))
        low, high = median_interval(blocks, confidence=0.95, seed=seed)
        hits += low <= 10.0 <= high
    assert 0.91 <= hits / 200 <= 0.99


blocks_of_latencies = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8),
    elements=st.floats(0.01, 1000.0),
)


@settings(max_examples=40, deadline=None)
@given(blocks_of_latencies, st.integers(0, 2**32 - 1))
def test_a_summary_is_ordered_and_repeatable(blocks, seed):
    summary = summarise(blocks, seed=seed)
    assert summary.min <= summary.p50 <= summary.p90 <= summary.p99
    assert summary.min <= summary.ci95[0] <= summary.ci95[1] <= blocks.max()
    assert summary == summarise(blocks, seed=seed)


@settings(max_examples=40, deadline=None)
@given(blocks_of_latencies, st.floats(0.25, 4.0))
def test_the_ratio_to_itself_scaled_is_the_scale(blocks, scale):
    ratio = paired_ratio(blocks * scale, blocks, seed=0)
    assert ratio.median == pytest.approx(scale)
    assert ratio.interval == pytest.approx((scale, scale))
    assert ratio.confidence == CONFIDENCE
    assert len(ratio.ratios) == len(blocks)


def test_blocks_that_were_not_taken_together_are_not_paired():
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_ratio(np.ones((3, 2)), np.ones((4, 2)), seed=0)


def test_a_long_run_is_resampled_in_steps_with_the_same_kind_of_result():
    blocks = np.random.default_rng(0).normal(10.0, 1.0, (400, 30))
    low, high = median_interval(blocks, confidence=0.95, seed=0, resamples=1000)
    assert low < np.median(blocks) < high
    assert high - low < 0.2
