"""The user's data as a report takes them: files are scored on them, and shown with some of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from topformer.boxes import Boxes
from topformer.console.progress import ProgressDisplay
from topformer.data import BOX_DATASET_KEYS, BoxDataset, Dataset, open_box_dataset, open_dataset
from topformer.data.coco import BoxedSplit, open_boxed
from topformer.data.layouts import FoundPairs
from topformer.documents import Document, read_document
from topformer.evaluation.boxes import score_boxes
from topformer.evaluation.boxes.scored_detector import open_scored_detector
from topformer.evaluation.scored_model import open_scored_model
from topformer.evaluation.scoring import show_pair
from topformer.files import sha256_bytes, sha256_file
from topformer.manifest import Classes
from topformer.tasks import DETECTION, SEGMENTATION
from topformer.verbs.eval import report
from topformer.verbs.eval.boxes import report as boxes_report
from topformer.verbs.eval.boxes.document import BoxEvalDocument
from topformer.verbs.eval.document import EvalDocument
from topformer.verbs.eval.score import score
from topformer.verbs.report.document import FileScore

# Of a data set with many pictures and classes.
LIMIT_BYTES = 256 * 2**20


@dataclass(frozen=True, kw_only=True)
class SplitPicture:
    """A picture of the data, RGB [H, W, 3], and what is in it, as `looks` has it."""

    name: str
    pixels: NDArray[np.uint8]
    truth: Any


class ScoringData(ABC):
    """A split that files are scored on."""

    task: ClassVar[str]
    split: str
    classes: Classes
    # How many pictures it has.
    pictures: int
    # Of the names and contents of all that is scored against, and the classes' names.
    sha256: str

    @property
    @abstractmethod
    def source(self) -> Dataset | BoxDataset:
        """The data set, whose other splits may be calibrated with."""

    @abstractmethod
    def score(self, path: Path, what: str, show_progress: ProgressDisplay) -> Document:
        """Score a file; progress is that of scoring `what`."""

    @abstractmethod
    def read(self, path: Path) -> Document:
        """Read a score that was written."""

    @abstractmethod
    def figures(self, scored: Document, path: str) -> FileScore:
        """Take from a score what the report tells; `path` says where all of it is."""

    @abstractmethod
    def show(self, position: int) -> SplitPicture:
        """Open a picture by its position."""


def open_data(key: str, root: Path, split: str) -> ScoringData:
    """Find a split, and hash it; raises `TopformerError` where it is not as it should be."""
    if key in BOX_DATASET_KEYS:
        boxes = open_box_dataset(key, root)
        return BoxData(boxes, boxes.split(split))
    dataset = open_dataset(key, root)
    return LabelData(dataset, split, dataset.split(split))


class LabelData(ScoringData):
    """Pictures with labels of their pixels."""

    task = SEGMENTATION

    def __init__(self, dataset: Dataset, split: str, found: FoundPairs) -> None:
        self.dataset: Dataset = dataset
        self.split, self.found = split, found
        self.classes, self.pictures = dataset.classes, len(found.pairs)
        lines = [repr(found.table), *dataset.classes.names]
        for pair in found.pairs:
            lines += [pair.picture.name, sha256_file(pair.picture), sha256_file(pair.labels)]
        self.sha256 = _digest(lines)

    @property
    def source(self) -> Dataset:
        """The data set."""
        return self.dataset

    def score(self, path: Path, what: str, show_progress: ProgressDisplay) -> EvalDocument:
        """Score a file by the confusion of its labels."""
        done = score(
            str(path),
            open_scored_model(path, self.dataset),
            self.found,
            dataset=self.dataset,
            split=self.split,
            show_progress=show_progress,
            what=what,
        )
        return report.document(done, ())

    def read(self, path: Path) -> EvalDocument:
        """Read a score that was written."""
        return read_document(path, EvalDocument, limit_bytes=LIMIT_BYTES, called="score document")

    def figures(self, scored: Document, path: str) -> FileScore:
        """Tell mIoU and the accuracies."""
        assert isinstance(scored, EvalDocument)
        return FileScore(
            miou=scored.miou,
            mean_accuracy=scored.mean_accuracy,
            pixel_accuracy=scored.pixel_accuracy,
            document=path,
        )

    def show(self, position: int) -> SplitPicture:
        """Open a picture with its labels."""
        shown = show_pair(self.found.pairs[position], self.found, self.classes)
        return SplitPicture(name=shown.name, pixels=shown.picture, truth=shown.truth)


class BoxData(ScoringData):
    """Pictures with boxes."""

    task = DETECTION

    def __init__(self, dataset: BoxDataset, found: BoxedSplit) -> None:
        self.dataset: BoxDataset = dataset
        self.split, self.found = found.name, found
        self.classes, self.pictures = found.classes, len(found)
        lines = [*found.classes.names, *map(str, found.category_ids)]
        for picture in found:
            held = (picture.corners, picture.labels, picture.crowd, picture.areas)
            digests = [sha256_bytes(one.tobytes()) for one in held]
            lines += [picture.path.name, sha256_file(picture.path), *digests]
        self.sha256 = _digest(lines)

    @property
    def source(self) -> BoxDataset:
        """The data set."""
        return self.dataset

    def score(self, path: Path, what: str, show_progress: ProgressDisplay) -> BoxEvalDocument:
        """Score a file by COCO's average precision."""
        detector = open_scored_detector(path, self.dataset, self.classes)
        with show_progress.counting(f"scoring {what}", self.pictures) as tell:
            scored = score_boxes(
                detector.find, self.found, progress=lambda done, _total: tell(done)
            )
        done = boxes_report.BoxEvaluation(
            model=str(path),
            scored_detector=detector,
            dataset=self.dataset,
            split=self.found,
            scored=scored,
        )
        return boxes_report.document(done, ())

    def read(self, path: Path) -> BoxEvalDocument:
        """Read a score that was written."""
        return read_document(
            path, BoxEvalDocument, limit_bytes=LIMIT_BYTES, called="score document"
        )

    def figures(self, scored: Document, path: str) -> FileScore:
        """Tell AP."""
        assert isinstance(scored, BoxEvalDocument)
        return FileScore(ap=scored.figures.ap, document=path)

    def show(self, position: int) -> SplitPicture:
        """Open a picture with its boxes, crowds left out; scores of 1 stand for the truth."""
        picture = self.found[position]
        own = ~picture.crowd
        truth = Boxes(
            corners=picture.clipped()[own],
            scores=np.ones(int(own.sum()), np.float32),
            labels=picture.labels[own],
        )
        return SplitPicture(name=picture.path.name, pixels=open_boxed(picture), truth=truth)


def _digest(lines: Iterable[str]) -> str:
    return sha256_bytes("\n".join(lines).encode(errors="surrogateescape"))
