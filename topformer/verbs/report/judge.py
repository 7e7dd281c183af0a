"""From the figures of files to a verdict on each, and the file to ship for each need."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from topformer.benchmarks.documents.rows import CountedRow, Row
from topformer.benchmarks.protocol.comparison import RowOfRun, compare
from topformer.verbs.report.document import (
    Answer,
    CountedCost,
    FileScore,
    Judgement,
    MeasuredCost,
    Need,
)
from topformer.verbs.report.frontier import (
    SCORE_ALLOWANCE,
    Candidate,
    Order,
    beaten_by,
    fastest,
    most_accurate,
    smallest,
)
from topformer.verbs.report.make import ProvedFile
from topformer.verbs.report.measure import Measured, cost_of

NEEDS: dict[Need, str] = {"accuracy": "most accurate", "speed": "fastest", "size": "smallest"}
RULE = (
    "Ship a file whose proof passed and that no other file beats.",
    "One file beats another when it is as good in all that is known of the other (mIoU or "
    "AP, cost, size) and better in at least one. Without scores that can be said of files of one "
    "network, input size and precision only, which are as accurate as each other by their proofs.",
    "No difference: 0.05 points of mIoU or AP, 1 % of the size, and costs that the bench calls no "
    "different (latency: paired block by block, a 99 % interval and 2 %; instructions: 0.1 %).",
)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What is said of all files."""

    judgements: dict[str, Judgement]
    answers: tuple[Answer, ...]


def judge_files(
    files: Sequence[ProvedFile], scores: dict[str, FileScore], measured: Measured | None
) -> Judged:
    """Judge every file by the rule; `scores` are by name."""
    judgements: dict[str, Judgement] = {}
    candidates: list[Candidate] = []
    rows: dict[str, Row] = {}
    for file in files:
        if not file.proof.passed:
            where = file.proof.first_divergence
            judgements[file.name] = Judgement(
                word="failed",
                reason="Its proof failed" + (f"; it strays first in {where}." if where else "."),
            )
            continue
        if file.manifest.weights.is_random:
            judgements[file.name] = Judgement(
                word="random", reason="Its weights are random: good for its cost and nothing else."
            )
            continue
        row = measured.row_of(file.name) if measured is not None else None
        if row is not None:
            rows[file.name] = row
        candidates.append(_candidate(file, scores.get(file.name), row))
    words = _words(rows, scores)

    @cache
    def compare_cost(one: Candidate, other: Candidate) -> int:
        return _compare_rows(rows[one.name], rows[other.name], measured)

    losers = beaten_by(candidates, compare_cost)
    kept = [one for one in candidates if losers[one.name] is None]
    best = _best_of(kept, compare_cost)
    for one in candidates:
        winner = losers[one.name]
        best_in: tuple[Need, ...] = tuple(need for need, file in best.items() if file is one)
        judgements[one.name] = Judgement(
            word="ship" if winner is None else "beaten",
            reason=_why_ship(one, best, words)
            if winner is None
            else _why_beaten(one, winner, words, compare_cost),
            beaten_by=None if winner is None else winner.name,
            best_in=best_in,
        )
    answers = (
        Answer(need=need, file=one.name, reason=_told_answer(one, best["accuracy"], words))
        for need, one in best.items()
        if one is not None
    )
    return Judged(judgements=judgements, answers=tuple(answers))


def _candidate(file: ProvedFile, score: FileScore | None, row: Row | None) -> Candidate:
    assert file.manifest.file is not None
    cost = None if row is None else cost_of(row)
    return Candidate(
        name=file.name,
        accuracy=None if score is None else score.accuracy,
        cost=None
        if cost is None
        else float(cost.total_ms if isinstance(cost, MeasuredCost) else cost.total),
        size_bytes=file.manifest.file.size_bytes,
        kind=(
            file.manifest.weights.sha256,
            file.manifest.input.shape,
            file.manifest.file.precision,
        ),
    )


def _best_of(kept: Sequence[Candidate], compare_cost: Order) -> dict[Need, Candidate | None]:
    """Find of the unbeaten files the one for each need; None where no figure tells."""
    return {
        "accuracy": most_accurate(kept, compare_cost),
        "speed": fastest(kept, compare_cost),
        "size": smallest(kept, compare_cost) if kept else None,
    }


def _compare_rows(one: Row, other: Row, measured: Measured | None) -> int:
    assert measured is not None
    bench = measured.bench
    first, second = (
        RowOfRun(row=row, environment=bench.environment, protocol=bench.protocol)
        for row in (one, other)
    )
    total = next(part for part in compare(first, second).parts if part.part == "total")
    if total.verdict == "no difference":
        return 0
    return 1 if total.verdict in {"slower", "more instructions"} else -1


@dataclass(frozen=True, kw_only=True)
class _Words:
    """How costs and accuracies are told."""

    unit: str
    best: str
    measure: str


def _words(rows: dict[str, Row], scores: dict[str, FileScore]) -> _Words:
    measure = next((score.measure for score in scores.values()), "")
    if any(isinstance(row, CountedRow) for row in rows.values()):
        return _Words(unit="M instructions", best="of fewest instructions", measure=measure)
    return _Words(unit="ms", best="fastest", measure=measure)


def cost_text(cost: MeasuredCost | CountedCost) -> str:
    """Write a cost with its unit."""
    if isinstance(cost, MeasuredCost):
        return f"{cost.total_ms:.2f} ms"
    return f"{cost.total / 1e6:.1f} M instructions"


def _figures(one: Candidate, words: _Words) -> str:
    """Write all that is known of a file, as in "mIoU 67.65, 7.35 ms, 5.51 MB"."""
    told: list[str] = []
    if one.accuracy is not None:
        told.append(f"{words.measure} {100 * one.accuracy:.2f}")
    if one.cost is not None:
        told.append(_cost(one, words))
    told.append(f"{one.size_bytes / 1e6:.2f} MB")
    return ", ".join(told)


def _told_answer(one: Candidate, accurate: Candidate | None, words: _Words) -> str:
    against = "" if accurate in {None, one} else f"; {_against(one, accurate)}"
    return _figures(one, words) + against


def _why_ship(one: Candidate, best: dict[Need, Candidate | None], words: _Words) -> str:
    names = [
        words.best if need == "speed" else NEEDS[need] for need, file in best.items() if file is one
    ]
    accurate = best["accuracy"]
    if not names:
        told = "No file is as good in all figures and better in one"
        return f"{told}: {_against(one, accurate)}." if accurate is not None else f"{told}."
    told = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    against = "" if accurate in {None, one} else f": {_against(one, accurate)}"
    return f"{told[0].upper()}{told[1:]} of those that passed{against}."


def _against(one: Candidate, accurate: Candidate | None) -> str:
    """Say what a file gives up against the most accurate, and what it saves."""
    assert accurate is not None
    points = 100 * ((accurate.accuracy or 0.0) - (one.accuracy or 0.0))
    alike = points <= 100 * SCORE_ALLOWANCE
    told = ["as accurate as the best" if alike else f"{points:.2f} points below the most accurate"]
    if one.cost is not None and accurate.cost is not None:
        told.append(f"{one.cost / accurate.cost:.2f} times its cost")
    told.append(f"{one.size_bytes / accurate.size_bytes:.2f} times its size")
    return ", ".join(told)


def _why_beaten(one: Candidate, winner: Candidate, words: _Words, compare_cost: Order) -> str:
    told: list[str] = []
    if one.accuracy is not None and winner.accuracy is not None:
        told.append(f"{words.measure} {100 * winner.accuracy:.2f} against {100 * one.accuracy:.2f}")
    if one.cost is not None and winner.cost is not None:
        alike = "" if compare_cost(winner, one) else " (no difference)"
        told.append(f"{_cost(winner, words)} against {_cost(one, words)}{alike}")
    told.append(f"{winner.size_bytes / 1e6:.2f} MB against {one.size_bytes / 1e6:.2f} MB")
    return f"Beaten by {winner.name}: {', '.join(told)}."


def _cost(one: Candidate, words: _Words) -> str:
    cost = one.cost or 0.0
    return f"{cost:.2f} ms" if words.unit == "ms" else f"{cost / 1e6:.1f} {words.unit}"
