"""COCO's average precision and recall of boxes, as pycocotools computes them."""

# pyright: standard
# Not strict: pycocotools' stubs type its dictionaries loosely.

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from math import isnan
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params

from topformer.boxes import Boxes
from topformer.data.coco import BoxedPicture, BoxedSplit, open_boxed
from topformer.data.pairs import PictureProgress, read_ahead

# RGB [H, W, 3] -> boxes in pixels of the picture, the likeliest first.
BoxFinder = Callable[[NDArray[np.uint8]], Boxes]

# Its own floats: 0.7 rounded otherwise is another recall, and AP another figure.
_COCO = Params(iouType="bbox")
# A box is found when it is covered by at least so much.
IOU_THRESHOLDS: tuple[float, ...] = tuple(_COCO.iouThrs.tolist())
RECALLS: tuple[float, ...] = tuple(_COCO.recThrs.tolist())
# Where pycocotools keeps what is asked for: of all areas, and of up to 100 boxes a picture.
_ALL_AREAS, _MOST_BOXES = 0, -1


@dataclass(frozen=True, kw_only=True)
class BoxScores:
    """COCO's twelve figures from 0 to 1, and those of the k classes; NaN where there is no box.

    AP is the mean over ten IoU thresholds from 0.50 to 0.95 and over the classes, AR the same of
    the recall that so many boxes a picture reach. Objects are small below 32x32 pixels and large
    above 96x96, by the area that the annotation gives. Source: cocodataset.org, "Detection
    Evaluation"; pycocotools, `COCOeval`.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar_1: float
    ar_10: float
    ar_100: float
    ar_small: float
    ar_medium: float
    ar_large: float
    # By class id, float64 [k].
    class_ap: NDArray[np.float64]
    class_ap50: NDArray[np.float64]
    class_ar: NDArray[np.float64]
    # Boxes to be found, without crowds, int64 [k].
    class_boxes: NDArray[np.int64]
    # By IoU threshold, recall and class, float64 [10, 101, k].
    precision: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureBoxes:
    """A picture, what was found in it, and how well."""

    picture: BoxedPicture
    found: Boxes
    # Of this picture alone: of all its boxes together, at IoU 0.50; NaN where it has none.
    ap50: float


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitBoxScores:
    """What was found in a split, and how well."""

    scores: BoxScores
    # In the split's order.
    pictures: tuple[PictureBoxes, ...]

    def worst(self, most: int) -> tuple[PictureBoxes, ...]:
        """List up to `most` pictures, the lowest AP50 first, without those that have none."""
        scored = [one for one in self.pictures if not isnan(one.ap50)]
        return tuple(sorted(scored, key=lambda one: one.ap50)[:most])


def score_boxes(
    find: BoxFinder, split: BoxedSplit, *, progress: PictureProgress | None = None
) -> SplitBoxScores:
    """Find the boxes of every picture of a split and score them; class ids must be the split's.

    A thread reads the pictures that come next. Raises the error of the first that cannot be read: a
    score over fewer pictures than it claims would be wrong.
    """
    found: list[Boxes] = []
    for _, pixels in read_ahead(split, open_boxed):
        found.append(find(pixels))
        if progress is not None:
            progress(len(found), len(split))
    return score_found(found, split)


def score_found(found: Sequence[Boxes], split: BoxedSplit) -> SplitBoxScores:
    """Score boxes that were found in a split's pictures, in their order."""
    evaluation = _evaluate(found, split)
    precision = np.asarray(evaluation.eval["precision"])[:, :, :, _ALL_AREAS, _MOST_BOXES]
    recall = np.asarray(evaluation.eval["recall"])[:, :, _ALL_AREAS, _MOST_BOXES]
    stats = [_defined(value) for value in evaluation.stats.tolist()]
    precision, recall = (np.where(one < 0, np.nan, one) for one in (precision, recall))
    scores = BoxScores(
        ap=stats[0],
        ap50=stats[1],
        ap75=stats[2],
        ap_small=stats[3],
        ap_medium=stats[4],
        ap_large=stats[5],
        ar_1=stats[6],
        ar_10=stats[7],
        ar_100=stats[8],
        ar_small=stats[9],
        ar_medium=stats[10],
        ar_large=stats[11],
        class_ap=precision.mean((0, 1)),
        class_ap50=precision[0].mean(0),
        class_ar=recall.mean(0),
        class_boxes=np.bincount(split.labels[~split.crowd], minlength=len(split.category_ids)),
        precision=precision,
    )
    own = _picture_scores(evaluation, len(split))
    pictures = zip(split, found, own, strict=True)
    return SplitBoxScores(
        scores=scores,
        pictures=tuple(
            PictureBoxes(picture=picture, found=boxes, ap50=ap50)
            for picture, boxes, ap50 in pictures
        ),
    )


def _evaluate(found: Sequence[Boxes], split: BoxedSplit) -> COCOeval:
    """Let pycocotools count; pictures are called by their position, classes by their id."""
    pictures = [{"id": position} for position in range(len(split))]
    categories = [{"id": number} for number in range(len(split.category_ids))]
    truth = zip(
        split.boxes_by_picture().tolist(),
        split.labels.tolist(),
        _extents(split.corners),
        split.areas.tolist(),
        split.crowd.tolist(),
        strict=True,
    )
    expected = [
        {"image_id": image, "category_id": label, "bbox": box, "area": area, "iscrowd": int(crowd)}
        for image, label, box, area, crowd in truth
    ]
    answers = [
        {
            "image_id": image,
            "category_id": label,
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": 0,
            "score": score,
        }
        for image, boxes in enumerate(found)
        for label, box, score in zip(
            boxes.labels.tolist(), _extents(boxes.corners), boxes.scores.tolist(), strict=True
        )
    ]
    # It tells about every step on stdout, where nothing but results may stand.
    with redirect_stdout(io.StringIO()):
        sides: list[COCO] = []
        for annotations in (expected, answers):
            # An id of 0 would be taken for no match.
            for number, one in enumerate(annotations, start=1):
                one["id"] = number
            held = {"images": pictures, "categories": categories, "annotations": annotations}
            side = COCO()
            side.dataset = cast("Any", held)
            side.createIndex()
            sides.append(side)
        evaluation = COCOeval(*sides, iouType="bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def _extents(corners: NDArray[np.floating]) -> list[list[float]]:
    """Left, top, width and height of boxes by their corners [n, 4]."""
    wide = corners.astype(np.float64)
    return np.concatenate([wide[:, :2], wide[:, 2:] - wide[:, :2]], 1).tolist()


def _defined(value: float) -> float:
    """NaN where pycocotools says -1: no box was there to be found."""
    return float("nan") if value < 0 else value


def _picture_scores(evaluation: COCOeval, pictures: int) -> list[float]:
    """AP at IoU 0.50 of each picture's boxes, all classes together, by pycocotools' own matches."""
    by_picture: list[list[Any]] = [[] for _ in range(pictures)]
    areas = len(evaluation.params.areaRng)
    for number, one in enumerate(evaluation.evalImgs):
        area, position = divmod(number, pictures)
        if one is not None and area % areas == _ALL_AREAS:
            by_picture[position].append(one)
    return [_picture_ap50(ones) for ones in by_picture]


def _picture_ap50(classes: Sequence[Any]) -> float:
    boxes = sum(int((np.asarray(one["gtIgnore"]) == 0).sum()) for one in classes)
    if not boxes:
        return float("nan")
    scores = np.concatenate([np.asarray(one["dtScores"], float) for one in classes])
    hits = np.concatenate([one["dtMatches"][0] > 0 for one in classes])
    counted = np.concatenate([~one["dtIgnore"][0].astype(bool) for one in classes])
    order = np.flatnonzero(counted)[np.argsort(-scores[counted], kind="stable")]
    found = np.cumsum(hits[order])
    precision = found / np.arange(1, len(found) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(found / boxes, RECALLS, side="left")
    reached = places[places < len(best)]
    return float(best[reached].sum() / len(RECALLS))
