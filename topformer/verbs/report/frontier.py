"""Which files no other beats, and which of them is best for what: the rule, and nothing else.

One file beats another when it is as good in every figure that is known of the other (accuracy,
cost, size) and better in at least one. Differences that mean nothing count as none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Hundredths of a point: files that are proved equal to within rounding differ by less.
SCORE_ALLOWANCE = 0.0005
SIZE_ALLOWANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A file that passed its proof, and its figures; None where one is not known."""

    name: str
    accuracy: float | None
    # Milliseconds, or instructions.
    cost: float | None
    size_bytes: int
    # Files of one network, input size and precision are as accurate as each other by their proofs.
    # Of others that is known from scores alone.
    kind: tuple[object, ...] = ()


# 1 where the first is better, -1 where the second is, 0 where there is no difference.
Order = Callable[[Candidate, Candidate], int]


def beats(one: Candidate, other: Candidate, compare_cost: Order) -> bool:
    """Say whether a file is as good as another in all that is known of it, and better in a part."""
    if None in {one.accuracy, other.accuracy} and one.kind != other.kind:
        return False
    better = False
    # Costs last: comparing them takes long.
    for known, compare in (
        ((one.size_bytes, other.size_bytes), _order_of_sizes),
        ((one.accuracy, other.accuracy), _order_of_scores),
        ((one.cost, other.cost), compare_cost),
    ):
        if known[1] is None:
            continue
        order = -1 if known[0] is None else compare(one, other)
        if order < 0:
            return False
        better = better or order > 0
    return better


def beaten_by(candidates: Sequence[Candidate], compare_cost: Order) -> dict[str, Candidate | None]:
    """Say by which file each is beaten, one that is unbeaten itself where there is one."""
    unbeaten = [
        one
        for one in candidates
        if not any(beats(other, one, compare_cost) for other in candidates)
    ]
    # Differences that count as none can add up to a circle, in which each beats the next.
    unbeaten = unbeaten or list(candidates)
    return {
        one.name: None
        if one in unbeaten
        else next(
            other
            for other in (*unbeaten, *candidates)
            if other is not one and beats(other, one, compare_cost)
        )
        for one in candidates
    }


def most_accurate(candidates: Sequence[Candidate], compare_cost: Order) -> Candidate | None:
    """Find the most accurate; of those that are as accurate, the cheapest. None without scores."""
    scored = [one for one in candidates if one.accuracy is not None]
    if not scored:
        return None
    best = max(scored, key=lambda one: one.accuracy or 0.0)
    return _cheapest([one for one in scored if not _order_of_scores(best, one)], compare_cost)


def fastest(candidates: Sequence[Candidate], compare_cost: Order) -> Candidate | None:
    """Find the one of least cost; of those that cost as much, the most accurate."""
    costed = [one for one in candidates if one.cost is not None]
    if not costed:
        return None
    best = min(costed, key=_cost)
    equal = [one for one in costed if one is best or compare_cost(best, one) == 0]
    leader = max(equal, key=lambda one: one.accuracy or 0.0)
    # Where nothing tells them apart, the one that came out cheaper.
    return min((one for one in equal if not _order_of_scores(leader, one)), key=_cost)


def smallest(candidates: Sequence[Candidate], compare_cost: Order) -> Candidate:
    """Find the smallest; of those that are as small, the cheapest."""
    best = min(candidates, key=lambda one: one.size_bytes)
    return _cheapest([one for one in candidates if not _order_of_sizes(best, one)], compare_cost)


def _cheapest(candidates: Sequence[Candidate], compare_cost: Order) -> Candidate:
    return fastest(candidates, compare_cost) or min(candidates, key=lambda one: one.size_bytes)


def _cost(one: Candidate) -> float:
    return float("inf") if one.cost is None else one.cost


def _order_of_scores(one: Candidate, other: Candidate) -> int:
    difference = (one.accuracy or 0.0) - (other.accuracy or 0.0)
    return 0 if abs(difference) <= SCORE_ALLOWANCE else (1 if difference > 0 else -1)


def _order_of_sizes(one: Candidate, other: Candidate) -> int:
    larger = max(one.size_bytes, other.size_bytes)
    if abs(one.size_bytes - other.size_bytes) <= SIZE_ALLOWANCE * larger:
        return 0
    return 1 if one.size_bytes < other.size_bytes else -1
