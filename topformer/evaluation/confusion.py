"""The confusion matrix over a data set, and the scores that are read off it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topformer.data.label_files import IGNORED

Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores from 0 to 1. A class that occurs neither in truth nor in prediction has NaN.

    Source: mmseg's `mean_iou`, after PASCAL VOC: IoU = hit / (truth + predicted - hit), over all
    pixels of the data set together, and means over the classes that have a value.
    """

    miou: float
    mean_accuracy: float
    pixel_accuracy: float
    iou: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def empty_counts(classes: int) -> Counts:
    """A confusion matrix [truth, predicted] of nothing."""
    return np.zeros((classes, classes), np.int64)


def count(truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> Counts:
    """Confusion matrix [truth, predicted] of label maps of one shape, without ignored truth."""
    valid = truth != IGNORED
    pairs = truth[valid].astype(np.int64) * classes + predicted[valid]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def scores_of(counts: Counts) -> Scores:
    """Read the scores off a confusion matrix [truth, predicted]; all NaN where it is empty."""
    hits = np.diagonal(counts).astype(np.float64)
    truth, predicted = counts.sum(1).astype(np.float64), counts.sum(0).astype(np.float64)
    iou = _divide(hits, truth + predicted - hits)
    accuracy = _divide(hits, truth)
    return Scores(
        miou=_mean(iou),
        mean_accuracy=_mean(accuracy),
        pixel_accuracy=float(_divide(hits.sum(keepdims=True), truth.sum(keepdims=True))[0]),
        iou=iou,
        accuracy=accuracy,
    )


def _divide(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64]
) -> NDArray[np.float64]:
    missing = np.full_like(denominator, np.nan)
    return np.divide(numerator, denominator, out=missing, where=denominator > 0)


def _mean(values: NDArray[np.float64]) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else float("nan")
