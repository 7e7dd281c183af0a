"""Looks through a split before anything is trained on it: every picture, every label file."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topformer.data.labels import IGNORED
from topformer.data.layouts import FoundPairs, Pair
from topformer.data.loading import read_ahead, read_pair
from topformer.errors import TopformerError
from topformer.manifest import Classes

THREADS = 2
AHEAD = 16
MOST_PROBLEMS = 20

# Called with the pairs that are done and all that there are.
CheckProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """What was found in a split."""

    pairs: int
    # The first of them; `problem_count` counts all.
    problems: tuple[TopformerError, ...]
    problem_count: int
    # Of each class, [classes].
    pixels: NDArray[np.int64]
    # Pictures in which each class occurs, [classes].
    pictures: NDArray[np.int64]
    ignored_pixels: int
    # Pictures without a single pixel that counts.
    empty: tuple[Pair, ...]
    # Height and width of the smallest and of the largest picture, by area; None without any.
    smallest: tuple[int, int] | None
    largest: tuple[int, int] | None

    @property
    def missing_classes(self) -> tuple[int, ...]:
        """Ids that no label file of the split holds."""
        return tuple(np.flatnonzero(self.pixels == 0).tolist())


@dataclass(frozen=True, kw_only=True)
class _Opened:
    # Pixels by value, [256].
    counts: NDArray[np.int64]
    size: tuple[int, int]


def check_split(
    found: FoundPairs, classes: Classes, *, progress: CheckProgress | None = None
) -> SplitReport:
    """Open every pair of a split; problems are collected, not raised."""
    number = len(classes.names)
    problems: list[TopformerError] = []
    problem_count = 0
    counts, pictures = np.zeros(256, np.int64), np.zeros(number, np.int64)
    sizes: set[tuple[int, int]] = set()
    empty: list[Pair] = []
    opened = read_ahead(
        found.pairs, lambda pair: _open(pair, found, classes), threads=THREADS, ahead=AHEAD
    )
    for done, (pair, result) in enumerate(opened, start=1):
        if isinstance(result, TopformerError):
            problem_count += 1
            problems += [result] if len(problems) < MOST_PROBLEMS else []
        else:
            counts += result.counts
            pictures += result.counts[:number] > 0
            sizes.add(result.size)
            empty += [] if result.counts[:number].any() else [pair]
        if progress is not None:
            progress(done, len(found.pairs))
    if not problems and len(empty) == len(found.pairs):
        problem_count, problems = 1, [_nothing_counts(found)]
    by_area = sorted(sizes, key=lambda size: size[0] * size[1])
    return SplitReport(
        pairs=len(found.pairs),
        problems=tuple(problems),
        problem_count=problem_count,
        pixels=counts[:number],
        pictures=pictures,
        ignored_pixels=int(counts[IGNORED]),
        empty=tuple(empty),
        smallest=by_area[0] if by_area else None,
        largest=by_area[-1] if by_area else None,
    )


def require_sound(report: SplitReport) -> None:
    """Raise the first problem of a split, if it has one, and say how many more there are."""
    if not report.problems:
        return
    first, others = report.problems[0], report.problem_count - 1
    more = f" {others:,} more files have problems;" if others else ""
    more += " `topformer data check` lists them." if others else ""
    raise TopformerError(
        first.what,
        why=first.why,
        next_step=f"{first.next_step}{more}".strip(),
    )


def _nothing_counts(found: FoundPairs) -> TopformerError:
    return TopformerError(
        f"{found.pairs[0].labels} holds no pixel that counts; nor does any other of this split.",
        why="Every pixel is ignored: there is nothing to learn from and nothing to score.",
        next_step="Some data sets keep the labels of their test split to themselves; take another "
        "split. Else get the label files again.",
    )


def _open(pair: Pair, found: FoundPairs, classes: Classes) -> _Opened | TopformerError:
    try:
        _, labels = read_pair(pair, found, classes)
    except TopformerError as error:
        return error
    values = labels.numpy()
    return _Opened(
        counts=np.bincount(values.ravel(), minlength=256),
        size=(values.shape[0], values.shape[1]),
    )
