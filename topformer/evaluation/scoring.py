"""Score a model over a split: one confusion matrix, and how well each picture came out."""

from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from topformer.data.layouts import FoundPairs, Pair
from topformer.data.pairs import PictureProgress, open_pair, read_ahead
from topformer.evaluation.confusion import Counts, Scores, count, empty_counts, scores_of
from topformer.evaluation.protocols import Segmenter
from topformer.manifest import Classes


@dataclass(frozen=True, kw_only=True)
class PictureScore:
    """How well one picture came out, from 0 to 1; NaN where its labels hold no class at all."""

    pair: Pair
    # See `picture_miou`.
    miou: float
    pixel_accuracy: float


@dataclass(frozen=True, kw_only=True)
class SplitScores:
    """What was counted over a split."""

    # [truth, predicted], in pixels.
    counts: Counts
    scores: Scores
    # In the split's order.
    pictures: tuple[PictureScore, ...]

    def worst(self, most: int) -> tuple[PictureScore, ...]:
        """List up to `most` pictures, the lowest mIoU first, without those that have none."""
        scored = [picture for picture in self.pictures if not isnan(picture.miou)]
        return tuple(sorted(scored, key=lambda picture: picture.miou)[:most])


@dataclass(frozen=True, kw_only=True)
class SegmentedPicture:
    """A picture with what is in it and what was found, if it was: [H, W, 3], [H, W], [H, W]."""

    name: str
    picture: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    predicted: NDArray[np.integer] | None


def score_split(
    segment: Segmenter,
    found: FoundPairs,
    classes: Classes,
    *,
    progress: PictureProgress | None = None,
) -> SplitScores:
    """Segment every picture of a split and count.

    A thread reads those that come next. Raises the error of the first picture that cannot be read:
    a score over fewer pictures than it claims would be wrong.
    """
    counts = empty_counts(len(classes.names))
    pictures: list[PictureScore] = []
    read = read_ahead(found.pairs, lambda pair: open_pair(pair, found, classes))
    for pair, opened in read:
        own = count(opened.labels.ids, segment(opened.picture), len(classes.names))
        counts += own
        pictures.append(
            PictureScore(
                pair=pair,
                miou=picture_miou(own),
                pixel_accuracy=scores_of(own).pixel_accuracy,
            )
        )
        if progress is not None:
            progress(len(pictures), len(found.pairs))
    return SplitScores(counts=counts, scores=scores_of(counts), pictures=tuple(pictures))


def show_pair(
    pair: Pair, found: FoundPairs, classes: Classes, segment: Segmenter | None = None
) -> SegmentedPicture:
    """Read one picture of a split, and segment it where there is something to do it with."""
    opened = open_pair(pair, found, classes)
    return SegmentedPicture(
        name=pair.picture.name,
        picture=opened.picture,
        truth=opened.labels.ids,
        predicted=None if segment is None else segment(opened.picture),
    )


def picture_miou(counts: Counts) -> float:
    """Mean IoU of one picture over the classes that its labels hold; NaN where they hold none.

    Classes that were found without being there have no part in the mean, or one stray pixel of each
    would decide it; they count by lowering the IoU of what they were found in place of.
    """
    shown = scores_of(counts).iou[counts.sum(1) > 0]
    return float(shown.mean()) if len(shown) else float("nan")
