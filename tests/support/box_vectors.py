"""What Python says of boxes, for the tests of the app's core."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from topformer.boxes import Boxes, boxes_from
from topformer.detection import level_anchors
from topformer.manifest import AnchorLevel, DetectionInfo

# Two anchors at a place, then three.
LEVELS = (
    AnchorLevel(stride=8, anchors=((-12, -6, 12, 6), (-7.5, -15, 7.5, 15))),
    AnchorLevel(stride=20, anchors=((-24, -24, 24, 24), (-17, -34, 17, 34), (-50, -9, 50, 9))),
)


def spread(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw float32 from -4 to 4, the same on any machine."""
    return (random.integers(-(2**20), 2**20, shape) / 2.0**18).astype(np.float32)


def shapes(
    info: DetectionInfo, size: tuple[int, int], classes: int
) -> list[tuple[int, int, int, int]]:
    """Shapes of the logits of all levels, then of the offsets."""
    return [
        (1, len(level.anchors) * numbers, -(-size[0] // level.stride), -(-size[1] // level.stride))
        for numbers in (classes, 4)
        for level in info.levels
    ]


def box_pictures() -> Iterator[dict[str, Any]]:
    """Outputs of detectors, and the boxes in them."""
    random = np.random.default_rng(18)
    size, classes = (64, 96), 3
    info = DetectionInfo(levels=LEVELS)

    def noise(
        change: Callable[[np.ndarray], np.ndarray] = lambda logits: logits - 2,
    ) -> list[np.ndarray]:
        outputs = [spread(random, *shape) for shape in shapes(info, size, classes)]
        return [*(change(one) for one in outputs[:2]), *(one / 8 for one in outputs[2:])]

    def spoilt(logits: np.ndarray) -> np.ndarray:
        for value in (np.nan, np.inf, -np.inf):
            logits[random.random(logits.shape) < 0.05] = value
        return logits

    coarse = noise(lambda logits: np.rint(logits / 2))
    coarse[2:] = [np.rint(offsets * 4) / 4 for offsets in coarse[2:]]
    far = noise()
    far[2:] = [32 * offsets for offsets in far[2:]]
    cases: dict[str, tuple[DetectionInfo, Sequence[np.ndarray]]] = {
        "noise": (info, noise()),
        "equal scores": (info, coarse),
        "equal scores, few candidates": (
            DetectionInfo(levels=LEVELS, candidates_per_level=7),
            coarse,
        ),
        "one candidate": (DetectionInfo(levels=LEVELS, candidates_per_level=1), noise()),
        "few boxes": (DetectionInfo(levels=LEVELS, most_boxes=5), noise()),
        "nothing found": (info, noise(lambda logits: logits - 8)),
        "certain": (info, noise(lambda logits: logits + 40)),
        "no numbers": (info, noise(spoilt)),
        "any score": (DetectionInfo(levels=LEVELS, score_threshold=0.0), noise()),
        "no score": (DetectionInfo(levels=LEVELS, score_threshold=1.0), noise()),
        "high score": (DetectionInfo(levels=LEVELS, score_threshold=0.8), noise()),
        "none covers another": (DetectionInfo(levels=LEVELS, nms_iou=0.0), noise()),
        "all may cover": (DetectionInfo(levels=LEVELS, nms_iou=1.0), noise()),
        "small boxes only": (DetectionInfo(levels=LEVELS, largest_log_scale=0.1), noise()),
        "far offsets": (info, far),
    }
    for name, (described, outputs) in cases.items():
        yield vector(name, described, size, classes, outputs)
    published = DetectionInfo(
        levels=tuple(
            AnchorLevel(stride=stride, anchors=level_anchors(stride)) for stride in (8, 16, 32)
        )
    )
    size, classes = (70, 51), 1
    outputs = [spread(random, *shape) / 4 for shape in shapes(published, size, classes)]
    yield vector("published anchors", published, size, classes, outputs)


def vector(
    name: str,
    info: DetectionInfo,
    size: tuple[int, int],
    classes: int,
    outputs: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Put outputs together with what Python finds in them, rounded as exponentials are not."""
    with np.errstate(over="ignore", invalid="ignore"):
        boxes: Boxes = boxes_from(outputs, info, size)
    return {
        "name": name,
        "info": info,
        "height": size[0],
        "width": size[1],
        "classes": classes,
        "outputs": [output.astype("<f4").tobytes() for output in outputs],
        "corners": [round(float(corner), 3) + 0.0 for corner in boxes.corners.reshape(-1)],
        "scores": [round(float(score), 5) for score in boxes.scores],
        "labels": boxes.labels.tolist(),
    }
