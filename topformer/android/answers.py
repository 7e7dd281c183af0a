"""The part of a golden file that is the task's: what is expected of the network, by version.

`golden.py` has the layout. Each kind names its version, the three numbers and the tie of the header
that are its own, and what follows the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from topformer.boxes import Boxes
from topformer.manifest import GoldenCase
from topformer.tasks.detection import (
    RECORD,
    TIE_SCORE,
    Detection,
    boxes_of_records,
    records_of_boxes,
)
from topformer.tasks.segmentation import Segmentation, read_samples, tie_margin
from topformer.variants import MAXIMUM_SIDE_PX

MOST_CLASSES = 65535
MOST_LEVELS = 16
MOST_BOXES = 1000


class GoldenFormatError(ValueError):
    """Bytes that are not a golden file, or not a whole one."""


@dataclass(frozen=True, kw_only=True)
class LabelAnswers:
    """Sampled logits, and labels with how far the best class leads the second."""

    version: ClassVar[int] = 1

    tie: float
    # [c, lh, lw].
    logits_shape: tuple[int, int, int]
    logits: NDArray[np.float32]
    labels: NDArray[np.uint16]
    margins: NDArray[np.float32]

    @classmethod
    def of(cls, task: Segmentation, case: GoldenCase) -> "LabelAnswers":
        """Take them from a manifest's proof; raises `TopformerError` for another task's."""
        logits, labels, margins = read_samples(case.samples)
        return cls(
            tie=tie_margin(logits.astype(np.float64)),
            logits_shape=task.logits_shape,
            logits=logits,
            labels=labels,
            margins=margins,
        )

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Classes, and height and width of the logits."""
        return self.logits_shape

    def encode(self) -> bytes:
        """Write what follows the picture."""
        arrays = (self.logits.astype("<f4"), self.labels.astype("<u2"), self.margins.astype("<f4"))
        return b"".join(array.tobytes() for array in arrays)

    @staticmethod
    def lengths(numbers: Sequence[int], samples: int) -> tuple[int, ...] | None:
        """Bytes of each part of it; None where no network has such numbers."""
        classes, *sides = numbers
        if not (1 <= classes <= MOST_CLASSES and all(1 <= s <= MAXIMUM_SIDE_PX for s in sides)):
            return None
        return samples * 4, samples * 2, samples * 4

    @classmethod
    def decode(cls, numbers: Sequence[int], tie: float, parts: Sequence[bytes]) -> "LabelAnswers":
        """Read the parts; raises `GoldenFormatError`."""
        logits, labels, margins = parts
        found = cls(
            tie=tie,
            logits_shape=(numbers[0], numbers[1], numbers[2]),
            logits=_finite(logits),
            labels=np.frombuffer(labels, "<u2"),
            margins=np.frombuffer(margins, "<f4"),
        )
        if np.isnan(found.margins).any():
            raise GoldenFormatError("its answers are no numbers")
        return found


@dataclass(frozen=True, kw_only=True)
class BoxAnswers:
    """Sampled logits and offsets of all levels, and all boxes."""

    version: ClassVar[int] = 2

    tie: float
    classes: int
    levels: int
    logits: NDArray[np.float32]
    offsets: NDArray[np.float32]
    boxes: Boxes

    @classmethod
    def of(cls, task: Detection, case: GoldenCase) -> "BoxAnswers":
        """Take them from a manifest's proof; raises `TopformerError` for another task's."""
        logits, offsets, boxes = task.read_samples(case.samples)
        return cls(
            tie=TIE_SCORE,
            classes=task.manifest.model.num_classes,
            levels=len(task.info.levels),
            logits=logits,
            offsets=offsets,
            boxes=boxes,
        )

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Classes, levels and boxes."""
        return self.classes, self.levels, len(self.boxes)

    def encode(self) -> bytes:
        """Write what follows the picture."""
        numbers = (self.logits.astype("<f4"), self.offsets.astype("<f4"))
        return b"".join(array.tobytes() for array in numbers) + records_of_boxes(self.boxes)

    @staticmethod
    def lengths(numbers: Sequence[int], samples: int) -> tuple[int, ...] | None:
        """Bytes of each part of it; None where no network has such numbers."""
        classes, levels, boxes = numbers
        if not (
            1 <= classes <= MOST_CLASSES and 1 <= levels <= MOST_LEVELS and 0 <= boxes <= MOST_BOXES
        ):
            return None
        return samples * 4, samples * 4, boxes * RECORD.itemsize

    @classmethod
    def decode(cls, numbers: Sequence[int], tie: float, parts: Sequence[bytes]) -> "BoxAnswers":
        """Read the parts; raises `GoldenFormatError`."""
        logits, offsets, records = parts
        boxes = boxes_of_records(records, classes=numbers[0])
        if boxes is None:
            raise GoldenFormatError("its answers are no boxes")
        return cls(
            tie=tie,
            classes=numbers[0],
            levels=numbers[1],
            logits=_finite(logits),
            offsets=_finite(offsets),
            boxes=boxes,
        )


Answers: TypeAlias = LabelAnswers | BoxAnswers
KINDS: dict[int, type[LabelAnswers] | type[BoxAnswers]] = {
    kind.version: kind for kind in (LabelAnswers, BoxAnswers)
}


def _finite(data: bytes) -> NDArray[np.float32]:
    found = np.frombuffer(data, "<f4")
    if not np.isfinite(found).all():
        raise GoldenFormatError("its answers are no numbers")
    return found
