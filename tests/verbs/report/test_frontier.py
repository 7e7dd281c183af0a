"""The rule: which files no other beats."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.verbs.report.frontier import (
    SIZE_ALLOWANCE,
    Candidate,
    beaten_by,
    beats,
    fastest,
    most_accurate,
    smallest,
)


def candidate(name="a", *, accuracy=0.6, cost=10.0, size=5_000_000):
    return Candidate(name=name, accuracy=accuracy, cost=cost, size_bytes=size)


def by_cost(one, other):
    """Costs that differ by 2 % or less are no different."""
    ratio = one.cost / other.cost
    return 0 if 0.98 <= ratio <= 1.02 else (1 if ratio < 1 else -1)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"accuracy": 0.61}, {}),
        ({"cost": 9.0}, {}),
        ({"size": 4_000_000}, {}),
        ({"accuracy": 0.61, "cost": 9.9}, {"cost": 10.0}),
        # As good is as good within what means nothing.
        ({"accuracy": 0.5996, "cost": 9.0}, {}),
        ({"size": 5_040_000, "cost": 9.0}, {}),
        # What is not known of a file is not held against the other.
        ({"accuracy": 0.61}, {"cost": None}),
        ({"cost": 9.0}, {"accuracy": None}),
    ],
)
def test_a_file_is_beaten_by_one_that_is_as_good_in_all_and_better_in_one(better, worse):
    assert beats(candidate("b", **better), candidate(**worse), by_cost)
    assert not beats(candidate(**worse), candidate("b", **better), by_cost)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {}),
        ({"accuracy": 0.61, "cost": 11.0}, {}),
        ({"cost": 9.0, "size": 6_000_000}, {}),
        ({"accuracy": 0.6004, "cost": 9.9, "size": 4_960_000}, {}),
        # It may be as slow as can be.
        ({"accuracy": 0.7, "cost": None}, {"size": 5_100_000}),
    ],
)
def test_neither_beats_the_other_where_each_has_something_or_nothing_differs(one, other):
    assert not beats(candidate("b", **one), candidate(**other), by_cost)
    assert not beats(candidate(**other), candidate("b", **one), by_cost)


@pytest.mark.parametrize("scores", [(None, None), (0.7, None)])
def test_without_scores_files_of_two_kinds_cannot_be_ranked(scores):
    quick = Candidate(name="a", accuracy=scores[0], cost=1.0, size_bytes=1, kind=(64, "int8"))
    exact = Candidate(name="b", accuracy=scores[1], cost=9.0, size_bytes=9, kind=(448, "fp32"))
    assert not beats(quick, exact, by_cost)
    assert beats(quick, replace(exact, kind=quick.kind), by_cost)


def test_each_file_is_told_who_beats_it_by_name():
    best = candidate("best", accuracy=0.7, cost=5.0)
    small = candidate("small", accuracy=0.4, size=1_000_000)
    poor = candidate("poor", accuracy=0.5, cost=20.0)
    found = beaten_by([poor, small, best], by_cost)
    assert found == {"poor": best, "small": None, "best": None}
    # By one that is worth shipping itself, not by one that is beaten, too.
    worst = candidate("worst", accuracy=0.4, cost=30.0)
    assert beaten_by([poor, worst, best], by_cost)["worst"] is best


def test_a_circle_of_files_that_beat_each_other_leaves_all_of_them():
    circle = [candidate(name) for name in "abc"]
    beaten = {("a", "b"), ("b", "c"), ("c", "a")}

    def cost(one, other):
        return ((one.name, other.name) in beaten) * 1

    assert all(beats(circle[n], circle[(n + 1) % 3], cost) for n in range(3))
    assert set(beaten_by(circle, cost).values()) == {None}


def test_of_equals_in_one_figure_the_others_decide():
    slow = candidate("slow", accuracy=0.70, cost=12.0)
    quick = candidate("quick", accuracy=0.6998, cost=8.0)
    tiny = candidate("tiny", accuracy=0.5, cost=8.05, size=1_000_000)
    files = [slow, quick, tiny]
    assert most_accurate(files, by_cost) is quick
    assert fastest(files, by_cost) is quick
    assert smallest(files, by_cost) is tiny


def test_without_scores_or_costs_nothing_is_most_accurate_or_fastest():
    bare = [
        candidate("a", accuracy=None, cost=None),
        candidate("b", accuracy=None, cost=None, size=10),
    ]
    assert most_accurate(bare, by_cost) is None
    assert fastest(bare, by_cost) is None
    assert smallest(bare, by_cost) is bare[1]


FIGURES = st.builds(
    candidate,
    name=st.uuids().map(str),
    accuracy=st.floats(0, 1) | st.none(),
    cost=st.floats(0.1, 100),
    size=st.integers(1000, 10_000_000),
)


@given(st.lists(FIGURES, min_size=1, max_size=8, unique_by=lambda one: one.name))
def test_something_is_always_left_to_ship(files):
    found = beaten_by(files, by_cost)
    assert list(found) == [one.name for one in files]
    assert None in found.values()
    for one in files:
        winner = found[one.name]
        assert winner is None or beats(winner, one, by_cost)


def test_the_allowance_of_sizes_is_of_the_larger():
    assert SIZE_ALLOWANCE == 0.01
    assert not beats(candidate("b", size=4_950_000), candidate(), by_cost)
    assert beats(candidate("b", size=4_949_999), candidate(), by_cost)
