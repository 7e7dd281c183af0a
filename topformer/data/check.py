"""Looks through a split before anything is trained on it: every picture, every label file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topformer.data.doubts import Doubt
from topformer.data.label_files import IGNORED
from topformer.data.layouts import FoundPairs, Pair
from topformer.data.pairs import PictureProgress, open_pair, read_ahead
from topformer.data.problems import raise_first
from topformer.data.suspicions import PairFacts, Suspicions
from topformer.errors import TopformerError
from topformer.manifest import Classes

MOST_PROBLEMS = 20


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """What was found in a split."""

    pairs: int
    # The first of them; `problem_count` counts all.
    problems: tuple[TopformerError, ...]
    problem_count: int
    # What is in no file a problem, and probably not meant.
    doubts: tuple[Doubt, ...]
    # Of each class, [classes].
    pixels: NDArray[np.int64]
    # Pictures in which each class occurs, [classes].
    pictures: NDArray[np.int64]
    ignored_pixels: int
    # Label files without a single pixel that counts.
    empty: int
    # Height and width of the smallest and of the largest picture, by area; None without any.
    smallest: tuple[int, int] | None
    largest: tuple[int, int] | None


def check_split(
    found: FoundPairs, classes: Classes, *, progress: PictureProgress | None = None
) -> SplitReport:
    """Open every pair of a split; problems are collected, not raised."""
    number = len(classes.names)
    problems: list[TopformerError] = []
    problem_count = 0
    # Pixels by train id, [256], and pictures by class.
    pixels, pictures = np.zeros(256, np.int64), np.zeros(number, np.int64)
    sizes: set[tuple[int, int]] = set()
    suspicions = Suspicions(found, classes)
    opened = read_ahead(found.pairs, lambda pair: _open(pair, found, classes), threads=2)
    for done, (pair, result) in enumerate(opened, start=1):
        if isinstance(result, TopformerError):
            problem_count += 1
            problems += [result] if len(problems) < MOST_PROBLEMS else []
        else:
            counts = np.zeros(256, np.int64)
            np.add.at(counts, found.table, result.counts)
            pixels += counts
            pictures += counts[:number] > 0
            sizes.add(result.size)
            suspicions.add(pair, result)
        if progress is not None:
            progress(done, len(found.pairs))
    if not problems and not pixels[:number].any():
        problem_count, problems = 1, [_nothing_counts(found)]
    by_area = sorted(sizes, key=lambda size: size[0] * size[1])
    return SplitReport(
        pairs=len(found.pairs),
        problems=tuple(problems),
        problem_count=problem_count,
        doubts=suspicions.doubts(),
        pixels=pixels[:number],
        pictures=pictures,
        ignored_pixels=int(pixels[IGNORED]),
        empty=len(suspicions.empty),
        smallest=by_area[0] if by_area else None,
        largest=by_area[-1] if by_area else None,
    )


def require_sound(report: SplitReport) -> None:
    """Raise the first problem of a split, if it has one, and say how many more there are."""
    raise_first(report.problems, count=report.problem_count, kind="files")


def _nothing_counts(found: FoundPairs) -> TopformerError:
    return TopformerError(
        f"{found.pairs[0].labels} holds no pixel that counts; nor does any other of this split.",
        why="Every pixel is ignored: there is nothing to learn from and nothing to score.",
        next_step="Some data sets keep the labels of their test split to themselves; take another "
        "split. Else get the label files again.",
    )


def _open(pair: Pair, found: FoundPairs, classes: Classes) -> PairFacts | TopformerError:
    try:
        opened = open_pair(pair, found, classes)
    except TopformerError as error:
        return error
    labels = opened.labels
    return PairFacts(
        size=(labels.ids.shape[0], labels.ids.shape[1]),
        counts=labels.counts,
        turned_apart=opened.orientation != labels.orientation,
        grey_as_colours=labels.grey_as_colours,
    )
