"""How results of a task are kept, compared and shown in a report."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topformer.box_drawing import Frame, boxes_image, class_name, frames_image
from topformer.boxes import Boxes, matched
from topformer.data.label_files import IGNORED
from topformer.detection import SHOWN_SCORE
from topformer.documents import Count, Document, SchemaName, Share, encode_document, read_document
from topformer.drawing import FoundClass, found_classes, label_image, painted_image
from topformer.files import open_regular
from topformer.manifest import Classes
from topformer.signatures import LARGEST_FILE_BYTES
from topformer.tasks import DETECTION, SEGMENTATION

DIFFERING_COLOUR = (213, 17, 90)
# Two files found the same where their boxes cover each other by so much; a box of the data was
# found where one covers it by so much.
ALIKE_IOU = 0.9
FOUND_IOU = 0.5

Labels = NDArray[np.integer]
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the page says of pictures."""

    intro: str
    # As in "labels of the data", and what is to be known of them.
    truth: str
    truth_hint: str
    # Behind a share that is equal to the data's.
    right: str
    # Behind a share that differs, and where none does.
    differ: str
    same: str


@dataclass(frozen=True, kw_only=True)
class Small:
    """A picture reduced for the page."""

    image: Image.Image
    # Of its sides to those of the picture.
    scale: float


class Look(ABC, Generic[ResultT]):
    """How results of one task look, and those of the data, which are called truth."""

    noun: ClassVar[str]
    suffix: ClassVar[str]
    words: ClassVar[Words]

    def __init__(self, classes: Classes) -> None:
        self.classes = classes

    @abstractmethod
    def encode(self, result: ResultT) -> bytes:
        """Write what was found in a picture, in the picture's pixels."""

    @abstractmethod
    def read(self, path: Path) -> ResultT:
        """Read what is compared and shown of it."""

    @abstractmethod
    def equal(self, expected: ResultT, found: ResultT) -> float:
        """Share of two results that is the same."""

    @abstractmethod
    def right(self, found: ResultT, truth: Any) -> float | None:
        """Share of the truth that was found; None where there is none."""

    @abstractmethod
    def painted(self, small: Small, result: ResultT) -> Image.Image:
        """Draw a result over a picture."""

    @abstractmethod
    def painted_truth(self, small: Small, truth: Any) -> Image.Image:
        """Draw what the data says is there."""

    @abstractmethod
    def differing(self, small: Small, expected: ResultT, found: ResultT) -> Image.Image:
        """Show a faint picture with what differs in one colour."""

    @abstractmethod
    def legend(self, expected: ResultT, truth: Any) -> list[FoundClass]:
        """List the classes in a result and in the truth, those with the largest share first."""


class _LabelLook(Look[Labels]):
    """Labels [H, W], with the truth as labels too."""

    noun = "labels"
    suffix = ".png"
    words = Words(
        intro="Labels over the picture, as each file finds them. Below: in pink, where they differ "
        "from those of {reference}; a dot may stand for a single pixel.",
        truth="labels of the data",
        truth_hint="grey: of no class",
        right="right",
        differ="of the pixels differ",
        same="no pixel differs",
    )

    def encode(self, result: Labels) -> bytes:
        stream = BytesIO()
        label_image(result, self.classes).save(stream, "PNG")
        return stream.getvalue()

    def read(self, path: Path) -> Labels:
        with (
            open_regular(path, limit_bytes=LARGEST_FILE_BYTES) as stream,
            Image.open(stream, formats=("PNG",)) as image,
        ):
            return np.asarray(image)

    def equal(self, expected: Labels, found: Labels) -> float:
        return float((found == expected).mean())

    def right(self, found: Labels, truth: NDArray[np.uint8]) -> float | None:
        counted = truth != IGNORED
        return float((found[counted] == truth[counted]).mean()) if counted.any() else None

    def painted(self, small: Small, result: Labels) -> Image.Image:
        # 16 bits for the ids of more classes than an 8-bit picture holds.
        ids = Image.fromarray(result.astype(np.int32)).resize(
            small.image.size, Image.Resampling.NEAREST
        )
        return painted_image(np.asarray(small.image), np.asarray(ids), self.classes)

    def painted_truth(self, small: Small, truth: NDArray[np.uint8]) -> Image.Image:
        """Paint the labels of the data; what has no class is grey."""
        resized = Image.fromarray(truth).resize(small.image.size, Image.Resampling.NEAREST)
        ids = np.asarray(resized)
        ignored = ids == IGNORED
        painted = painted_image(np.asarray(small.image), np.where(ignored, 0, ids), self.classes)
        grey = np.asarray(small.image.convert("L").convert("RGB")) // 2 + 64
        return Image.fromarray(np.where(ignored[..., None], grey, np.asarray(painted)))

    def differing(self, small: Small, expected: Labels, found: Labels) -> Image.Image:
        mask = Image.fromarray((found != expected).astype(np.uint8) * 255)
        marked = np.asarray(mask.resize(small.image.size, Image.Resampling.BOX)) > 0
        shown = np.where(
            marked[..., None], np.array(DIFFERING_COLOUR, np.uint8), np.asarray(_faint(small.image))
        )
        return Image.fromarray(shown.astype(np.uint8))

    def legend(self, expected: Labels, truth: NDArray[np.uint8] | None) -> list[FoundClass]:
        known = expected.ravel()
        if truth is not None:
            known = np.concatenate([known, truth[truth != IGNORED]])
        return found_classes(known, self.classes)


class FoundBox(Document, frozen=True, kw_only=True):
    """A box that was found; corners are left, top, right and bottom in the picture's pixels."""

    corners: tuple[float, float, float, float]
    score: Share
    label: Count


class FoundBoxes(Document, frozen=True, kw_only=True):
    """What a file found in one picture."""

    schema: SchemaName = "topformer.report-boxes/1"
    boxes: tuple[FoundBox, ...]


class _BoxLook(Look[Boxes]):
    """Boxes, with the truth as boxes too, whose scores are 1."""

    noun = "boxes"
    suffix = ".json"
    words = Words(
        intro=f"Boxes with a score above {SHOWN_SCORE}, as each file finds them. Below: in "
        "pink, those without an equal in {reference}, and those of it that are missing.",
        truth="boxes of the data",
        truth_hint="",
        right="of the data's boxes found",
        differ="of the boxes differ",
        same="no box differs",
    )

    def encode(self, result: Boxes) -> bytes:
        rows = zip(
            result.corners.tolist(), result.scores.tolist(), result.labels.tolist(), strict=True
        )
        return encode_document(
            FoundBoxes(
                boxes=tuple(
                    FoundBox(corners=tuple(corners), score=score, label=label)
                    for corners, score, label in rows
                )
            )
        )

    def read(self, path: Path) -> Boxes:
        found = read_document(
            path, FoundBoxes, limit_bytes=LARGEST_FILE_BYTES, called="list of boxes"
        ).boxes
        kept = [one for one in found if one.score > SHOWN_SCORE]
        return Boxes(
            corners=np.array([one.corners for one in kept], np.float32).reshape(-1, 4),
            scores=np.array([one.score for one in kept], np.float32),
            labels=np.array([one.label for one in kept], np.int32),
        )

    def equal(self, expected: Boxes, found: Boxes) -> float:
        total = len(expected) + len(found)
        sides = matched(expected, found, iou=ALIKE_IOU)
        return sum(float(side.sum()) for side in sides) / total if total else 1.0

    def right(self, found: Boxes, truth: Boxes) -> float | None:
        return float(matched(truth, found, iou=FOUND_IOU)[0].mean()) if len(truth) else None

    def painted(self, small: Small, result: Boxes) -> Image.Image:
        return boxes_image(
            np.asarray(small.image), result.scaled(small.scale, small.scale), self.classes
        )

    def painted_truth(self, small: Small, truth: Boxes) -> Image.Image:
        corners: list[list[float]] = truth.scaled(small.scale, small.scale).corners.tolist()
        labels: list[int] = truth.labels.tolist()
        frames = [
            Frame(
                corners=tuple(one),
                colour=self.classes.palette[label],
                text=class_name(self.classes, label),
            )
            for one, label in zip(corners, labels, strict=True)
        ]
        return frames_image(np.asarray(small.image), frames)

    def differing(self, small: Small, expected: Boxes, found: Boxes) -> Image.Image:
        ours, theirs = matched(expected, found, iou=ALIKE_IOU)
        corners = np.concatenate([expected.corners[~ours], found.corners[~theirs]])
        frames = [
            Frame(corners=tuple(one), colour=DIFFERING_COLOUR, text="")
            for one in (corners * small.scale).tolist()
        ]
        return frames_image(np.asarray(_faint(small.image)), frames)

    def legend(self, expected: Boxes, truth: Boxes | None) -> list[FoundClass]:
        known = expected.labels
        if truth is not None:
            known = np.concatenate([known, truth.labels])
        return found_classes(known, self.classes) if len(known) else []


# By the tasks' names.
LOOKS: dict[str, type[Look[Any]]] = {SEGMENTATION: _LabelLook, DETECTION: _BoxLook}


def _faint(image: Image.Image) -> Image.Image:
    grey = np.asarray(image.convert("L").convert("RGB"))
    return Image.fromarray((grey // 3 + 150).astype(np.uint8))
