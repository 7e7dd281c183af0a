"""Boxes from a detector's outputs, on the CPU without torch: decoding, and one an object."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topformer.errors import TopformerError
from topformer.manifest import AnchorLevel, DetectionInfo

FloatArray = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """The objects found in a picture, the likeliest first."""

    # (left, top, right, bottom) in pixels of the picture, float32 [n, 4].
    corners: FloatArray
    # From 0 to 1, float32 [n].
    scores: FloatArray
    # Class ids, int32 [n].
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.integer] | slice) -> "Boxes":
        return Boxes(
            corners=self.corners[chosen], scores=self.scores[chosen], labels=self.labels[chosen]
        )

    def scaled(self, horizontally: float, vertically: float) -> "Boxes":
        """Scale the boxes as their picture is scaled."""
        factors = np.array([horizontally, vertically] * 2, np.float32)
        return Boxes(corners=self.corners * factors, scores=self.scores, labels=self.labels)


def boxes_from(
    outputs: Sequence[FloatArray], info: DetectionInfo, input_size: tuple[int, int]
) -> Boxes:
    """Make boxes, in pixels of the input of (height, width), of logits and offsets by level.

    As torchvision's RetinaNet does (0.29, `models/detection/retinanet.py`,
    `postprocess_detections`): of each level the best candidates, corners cut at the input's edge,
    then suppression within each class over all levels. Equal scores go by level, row, column,
    anchor and class. Raises `TopformerError` for a likely box whose offsets are NaN.
    """
    levels = len(info.levels)
    found = [
        _candidates(logits, offsets, level, info, input_size)
        for logits, offsets, level in zip(
            outputs[:levels], outputs[levels:], info.levels, strict=True
        )
    ]
    together = Boxes(
        corners=np.concatenate([one.corners for one in found]),
        scores=np.concatenate([one.scores for one in found]),
        labels=np.concatenate([one.labels for one in found]),
    )
    if np.isnan(together.corners).any():
        raise TopformerError(
            "The model computes a box whose sides are no numbers.",
            why="Some of its outputs are NaN.",
            next_step="Take other weights, or export the model again.",
        )
    together = together[np.argsort(-together.scores, kind="stable")]
    return together[suppress(together, iou=info.nms_iou, most=info.most_boxes)]


def _candidates(
    logits: FloatArray,
    offsets: FloatArray,
    level: AnchorLevel,
    info: DetectionInfo,
    input_size: tuple[int, int],
) -> Boxes:
    """The best of one level's places, anchors and classes: [1, a c, h, w] and [1, 4 a, h, w]."""
    anchors = len(level.anchors)
    _, channels, height, width = logits.shape
    classes = channels // anchors
    # [h, w, a c]: row, column, anchor, class.
    by_place = np.moveaxis(logits[0], 0, -1)
    rows, columns, channel = np.nonzero(by_place > _surely_below(info.score_threshold))
    scores = _sigmoid(by_place[rows, columns, channel].astype(np.float32))
    chosen = np.flatnonzero(scores > np.float32(info.score_threshold))
    best = np.argsort(-scores[chosen], kind="stable")[: info.candidates_per_level]
    chosen = chosen[best]
    rows, columns, channel = rows[chosen], columns[chosen], channel[chosen]
    anchor, label = np.divmod(channel, classes)
    base = np.array(level.anchors, np.float32)[anchor]
    places = np.stack([columns, rows, columns, rows], 1).astype(np.float32)
    own = offsets[0].reshape(anchors, 4, height, width)[anchor, :, rows, columns]
    return Boxes(
        corners=decode(
            own.astype(np.float32),
            base + places * np.float32(level.stride),
            largest_log_scale=info.largest_log_scale,
            size=input_size,
        ),
        scores=scores[chosen],
        labels=label.astype(np.int32),
    )


def decode(
    offsets: FloatArray,
    anchors: FloatArray,
    *,
    largest_log_scale: float,
    size: tuple[int, int],
) -> FloatArray:
    """Move and scale anchors [n, 4] by offsets [n, 4], and cut them at (height, width).

    Source: torchvision 0.29, `models/detection/_utils.py`, `BoxCoder.decode_single`.
    """
    extent = anchors[:, 2:] - anchors[:, :2]
    centre = anchors[:, :2] + np.float32(0.5) * extent
    centre = centre + offsets[:, :2] * extent
    scales = np.minimum(offsets[:, 2:], np.float32(largest_log_scale))
    half = np.float32(0.5) * _exp(scales).astype(np.float32) * extent
    corners = np.concatenate([centre - half, centre + half], 1)
    limits = np.array([size[1], size[0], size[1], size[0]], np.float32)
    return np.clip(corners, np.float32(0), limits)


def suppress(boxes: Boxes, *, iou: float, most: int) -> NDArray[np.intp]:
    """Positions of the boxes that stay, given the likeliest first: non-maximum suppression.

    A box goes that overlaps a better one of its class by more than `iou`.
    """
    kept: list[int] = []
    by_class: dict[int, list[int]] = {}
    for position, label in enumerate(boxes.labels.tolist()):
        better = by_class.setdefault(label, [])
        overlaps = intersection_over_union(boxes.corners[position], boxes.corners[better])
        if not (overlaps > np.float32(iou)).any():
            kept.append(position)
            better.append(position)
            if len(kept) == most:
                break
    return np.array(kept, np.intp)


def intersection_over_union(box: FloatArray, others: FloatArray) -> FloatArray:
    """IoU of one box [4] with others [n, 4]; 0 where neither has an area."""
    upper_left = np.maximum(box[:2], others[:, :2])
    lower_right = np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(lower_right - upper_left, np.float32(0)), axis=1)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    union = area + areas - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def matched(expected: Boxes, found: Boxes, *, iou: float) -> tuple[NDArray[np.bool_], ...]:
    """Which boxes of either side have a partner of the same class that covers them by `iou`.

    Each is the partner of one only; the likelier choose first. All are taken half a pixel wider to
    each side: what is left of a box at the picture's edge may have no area, and is its own partner.
    """
    wider = np.array([-0.5, -0.5, 0.5, 0.5], np.float32)
    first, second = expected.corners + wider, found.corners + wider
    ours, theirs = np.zeros(len(expected), bool), np.zeros(len(found), bool)
    for position, label in enumerate(expected.labels.tolist()):
        overlaps = intersection_over_union(first[position], second)
        overlaps[theirs | (found.labels != label)] = -1
        if len(overlaps) and overlaps.max() >= iou:
            ours[position] = theirs[int(overlaps.argmax())] = True
    return ours, theirs


def _sigmoid(logits: FloatArray) -> FloatArray:
    return (1 / (1 + _exp(-logits))).astype(np.float32)


def _exp(values: FloatArray) -> NDArray[np.float64]:
    """In float64: rounded to float32 it is the same on every machine, as numpy's float32 is not."""
    return np.exp(values.astype(np.float64))


def _surely_below(score: float) -> float:
    """A logit below which no score is as large, rounding included: most places end there."""
    return float(np.log(score / (1 - score))) - 1e-3 if 0 < score < 1 else -np.inf
