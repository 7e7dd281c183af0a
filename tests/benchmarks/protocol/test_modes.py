from itertools import islice

import pytest

from topformer.benchmarks.protocol.modes import MODES, get_mode, round_orders
from topformer.errors import UsageError


def test_orders_are_seeded_permutations_that_differ_between_rounds():
    first = list(islice(round_orders(4, seed=7), 50))
    assert first == list(islice(round_orders(4, seed=7), 50))
    assert first != list(islice(round_orders(4, seed=8), 50))
    assert all(sorted(order) == [0, 1, 2, 3] for order in first)
    assert len(set(first)) > 10


def test_every_row_goes_first_about_as_often():
    orders = list(islice(round_orders(3, seed=0), 600))
    for row in range(3):
        assert 150 < sum(order[0] == row for order in orders) < 250


@pytest.mark.parametrize("name", MODES)
def test_a_fast_network_gets_all_its_samples_and_a_slow_one_fewer(name):
    mode = get_mode(name)
    assert mode.samples_within_budget(0.001) == mode.samples_per_block
    assert mode.samples_within_budget(100.0) == 3
    assert 3 < mode.samples_within_budget(mode.budget_s / mode.rounds / 5.5) < 16


def test_the_budget_counts_warmups():
    mode = MODES["standard"]
    pass_s = mode.budget_s / mode.rounds / (5 + mode.warmups_per_block)
    assert mode.samples_within_budget(pass_s * 0.999) == 5


def test_a_sustained_bench_of_a_fast_network_computes_most_of_the_time():
    mode, run_s, asked_s = MODES["sustained"], 0.015, 0.2
    block_s = run_s * (mode.warmups_per_block + mode.samples_within_budget(run_s))
    assert block_s / (block_s + asked_s) > 0.8


def test_an_unknown_mode_is_wrong_usage():
    with pytest.raises(UsageError, match="no bench mode called 'fast'"):
        get_mode("fast")
