"""Detection tasks of any levels, and outputs for them."""

from collections.abc import Sequence

import numpy as np

from topformer.boxes import Boxes
from topformer.detection import LEVEL_STRIDES, level_anchors
from topformer.manifest import (
    AnchorLevel,
    Classes,
    DetectionInfo,
    Manifest,
    ModelInfo,
    OutputInfo,
    WeightsInfo,
)
from topformer.preprocess import input_info
from topformer.tasks import DETECTION
from topformer.tasks.detection import LOGITS, OFFSETS, Detection

USUAL_LEVELS = tuple(
    AnchorLevel(stride=stride, anchors=level_anchors(stride)) for stride in LEVEL_STRIDES
)


NO_BOXES = Boxes(
    corners=np.zeros((0, 4), np.float32),
    scores=np.zeros(0, np.float32),
    labels=np.zeros(0, np.int32),
)


def detection_task(
    size: tuple[int, int],
    *,
    levels: Sequence[AnchorLevel] = USUAL_LEVELS,
    num_classes: int = 3,
    **facts,
) -> Detection:
    """Describe a detector for inputs of a size (height, width), and return its task."""
    names = tuple(f"class {number}" for number in range(num_classes))
    outputs = tuple(
        OutputInfo(
            meaning=meaning,
            stride=level.stride,
            shape=(
                1,
                len(level.anchors) * numbers,
                *(-(-side // level.stride) for side in size),
            ),
        )
        for meaning, numbers in ((LOGITS, num_classes), (OFFSETS, 4))
        for level in levels
    )
    return Detection(
        Manifest(
            model=ModelInfo(
                variant="tiny",
                num_classes=num_classes,
                fused_channels=128,
                depthwise_head=True,
                task=DETECTION,
                detection_head="lite",
            ),
            weights=WeightsInfo(name="none", sha256="0" * 64, licence="none", source="a test"),
            input=input_info(*size),
            outputs=outputs,
            classes=Classes(dataset="none", names=names, palette=((0, 0, 0),) * num_classes),
            detection=DetectionInfo(levels=tuple(levels), **facts),
        )
    )


def random_outputs(
    task: Detection, seed: int, *, spread: float = 2.0, mean: float = -3.0, whole: bool = False
) -> list[np.ndarray]:
    """Draw logits around a mean, whole numbers of which many tie or not, and small offsets."""
    random = np.random.default_rng(seed)
    outputs = []
    for output in task.manifest.outputs:
        drawn = random.standard_normal(output.shape)
        if output.meaning == LOGITS:
            drawn = mean + spread * drawn
            drawn = np.round(drawn) if whole else drawn
        outputs.append(drawn.astype(np.float32))
    return outputs
