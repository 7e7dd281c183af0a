"""To find objects: RetinaNet's loss on boxes, scored by COCO's average precision."""

from collections.abc import Callable
from statistics import median_low
from typing import Any

from torch import Tensor

from topformer.boxes import Boxes
from topformer.data import BoxDataset
from topformer.data.coco import open_boxed, require_same_classes
from topformer.data.coco.check import check_boxes
from topformer.data.coco.sorting import Problems
from topformer.data.doubts import shared_files
from topformer.data.pairs import PictureProgress, read_ahead
from topformer.data.problems import raise_first
from topformer.data.samples import BoxedSamples, SampleSource
from topformer.errors import TopformerError
from topformer.evaluation.boxes import BoxFinder, score_found
from topformer.evaluation.boxes.finders import network_finder
from topformer.evaluation.boxes.sheet import ShownBoxes, draw_box_sheet
from topformer.figures import Caption
from topformer.metrics import defined
from topformer.networks import AnyNetwork
from topformer.tasks import DETECTION
from topformer.tasks.detection import Detection
from topformer.training.goals.goal import Goal, scoring_protocol
from topformer.training.journal import BoxScoreRecord
from topformer.training.losses.detection import detection_loss
from topformer.training.processes import Place
from topformer.training.recipe import Recipe, augmentation_of

SHOWN_PICTURES = 8


class DetectionGoal(Goal):
    """See `Goal`."""

    task = DETECTION

    def __init__(self, dataset: BoxDataset, recipe: Recipe) -> None:
        """Read both splits; raises `TopformerError` where they are not sound, or do not fit."""
        self.recipe = recipe
        self.dataset, self.terms = dataset.key, dataset.terms
        self.train, self.val = dataset.split("train"), dataset.split("val")
        require_same_classes(self.train, self.val)
        if not any(len(picture.learnable()[1]) for picture in self.train):
            raise TopformerError(
                f"{self.train.name} has no box to learn from.",
                why="There is none, or all are around crowds or outside their pictures.",
                next_step="Name a data set with boxes.",
            )
        self.classes = self.train.classes
        self.protocol = scoring_protocol(recipe, dataset.scale)

    @property
    def splits(self) -> tuple[tuple[str, int], ...]:
        """See `Goal`."""
        return ("train", len(self.train)), ("val", len(self.val))

    def check(self, split: str, progress: PictureProgress) -> tuple[str, ...]:
        """See `Goal`; annotations with problems were refused when they were read."""
        found = self.train if split == "train" else self.val
        report = check_boxes(found, Problems(found.folder), progress=progress)
        raise_first(report.problems, count=report.problem_count, kind="files")
        return tuple(doubt.what for doubt in report.doubts)

    def shared(self) -> str:
        """See `Goal`."""
        train, val = ([one.path for one in split] for split in (self.train, self.val))
        doubt = shared_files("train", train, "val", val)
        return "" if doubt is None else doubt.what

    def picture_size(self) -> tuple[int, int]:
        """See `Goal`."""
        heights, widths = self.train.sizes.T.tolist()
        return median_low(heights), median_low(widths)

    def samples(self) -> SampleSource:
        """See `Goal`."""
        return BoxedSamples(self.train, augmentation_of(self.recipe))

    def loss(self, outputs: Any, truth: Tensor, taught: Any) -> Tensor:
        """See `Goal`; outputs are a detector's ten maps. Detectors have no teachers."""
        assert taught is None
        return detection_loss(outputs, truth, self.recipe)

    def score(
        self, network: AnyNetwork, place: Place, step: int, tell: Callable[[], None]
    ) -> BoxScoreRecord:
        """See `Goal`."""
        find = self._finder(network)
        share = range(place.rank, len(self.val), place.world_size)
        found: dict[int, Boxes] = {}
        read = read_ahead(share, lambda number: open_boxed(self.val[number]))
        for number, pixels in read:
            found[number] = find(pixels)
            tell()
        place.meet()
        for others in place.gather(found):
            found |= others
        scores = score_found([found[number] for number in range(len(self.val))], self.val).scores
        ap, ap50, ap75 = (defined(one) for one in (scores.ap, scores.ap50, scores.ap75))
        return BoxScoreRecord(
            step=step, protocol=self.protocol.description, ap=ap, ap50=ap50, ap75=ap75
        )

    def draw(self, network: AnyNetwork, title: str, notes: tuple[str, ...]) -> bytes:
        """See `Goal`."""
        find = self._finder(network)
        shown = self.val.subset(range(0, len(self.val), -(-len(self.val) // SHOWN_PICTURES)))
        pixels = [open_boxed(picture) for picture in shown]
        scored = score_found([find(one) for one in pixels], shown).pictures
        pictures = [
            ShownBoxes(picture=one.picture, pixels=own, found=one)
            for one, own in zip(scored, pixels, strict=True)
        ]
        return draw_box_sheet(pictures, self.classes, Caption(title=title, notes=notes))

    def _finder(self, network: AnyNetwork) -> BoxFinder:
        info = Detection.describe_detection()
        assert info is not None
        return network_finder(network, self.protocol, info)
