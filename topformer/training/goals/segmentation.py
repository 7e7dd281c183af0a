"""To label every pixel: cross-entropy on label maps, scored by mIoU."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from topformer.data import Dataset
from topformer.data.check import check_split, require_sound
from topformer.data.doubts import shared_pictures
from topformer.data.pairs import PictureProgress, usual_picture_size
from topformer.data.samples import LabelledSamples, SampleSource
from topformer.evaluation.confusion import scores_of
from topformer.evaluation.protocols import network_segmenter
from topformer.evaluation.scoring import score_split, show_pair
from topformer.evaluation.sheet import draw_sheet
from topformer.figures import Caption
from topformer.metrics import defined
from topformer.networks import AnyNetwork
from topformer.tasks import SEGMENTATION
from topformer.training.goals.goal import Goal, scoring_protocol
from topformer.training.journal import ScoreRecord
from topformer.training.losses.segmentation import taught_loss
from topformer.training.processes import Place
from topformer.training.recipe import Recipe, augmentation_of

SHOWN_PICTURES = 8


class SegmentationGoal(Goal):
    """See `Goal`."""

    task = SEGMENTATION

    def __init__(self, dataset: Dataset, recipe: Recipe) -> None:
        self.recipe, self.classes = recipe, dataset.classes
        self.dataset, self.terms = dataset.key, dataset.terms
        self.train, self.val = dataset.split("train"), dataset.split("val")
        self.protocol = scoring_protocol(recipe, dataset.scale)

    @property
    def splits(self) -> tuple[tuple[str, int], ...]:
        """See `Goal`."""
        return ("train", len(self.train.pairs)), ("val", len(self.val.pairs))

    def check(self, split: str, progress: PictureProgress) -> tuple[str, ...]:
        """See `Goal`."""
        found = self.train if split == "train" else self.val
        report = check_split(found, self.classes, progress=progress)
        require_sound(report)
        return tuple(doubt.what for doubt in report.doubts)

    def shared(self) -> str:
        """See `Goal`."""
        doubt = shared_pictures("train", self.train, "val", self.val)
        return "" if doubt is None else doubt.what

    def picture_size(self) -> tuple[int, int]:
        """See `Goal`."""
        return usual_picture_size(self.train)

    def samples(self) -> SampleSource:
        """See `Goal`."""
        return LabelledSamples(self.train, self.classes, augmentation_of(self.recipe))

    def loss(self, outputs: Any, truth: Tensor, taught: Any) -> Tensor:
        """See `Goal`; outputs are logits [b, c, h/8, w/8]."""
        return taught_loss(outputs, truth, taught, self.recipe)

    def score(
        self, network: AnyNetwork, place: Place, step: int, tell: Callable[[], None]
    ) -> ScoreRecord:
        """See `Goal`."""
        share = replace(self.val, pairs=self.val.pairs[place.rank :: place.world_size])
        segment = network_segmenter(network, self.protocol)
        scored = score_split(segment, share, self.classes, progress=lambda _done, _all: tell())
        place.meet()
        scores = scores_of(place.sum(scored.counts))
        return ScoreRecord(
            step=step,
            protocol=self.protocol.description,
            miou=defined(scores.miou),
            mean_accuracy=defined(scores.mean_accuracy),
            pixel_accuracy=defined(scores.pixel_accuracy),
        )

    def draw(self, network: AnyNetwork, title: str, notes: tuple[str, ...]) -> bytes:
        """See `Goal`."""
        segment = network_segmenter(network, self.protocol)
        # Spread over the whole split: neighbours are often frames of one drive.
        shown = self.val.pairs[:: -(-len(self.val.pairs) // SHOWN_PICTURES)]
        pictures = [show_pair(pair, self.val, self.classes, segment) for pair in shown]
        return draw_sheet(pictures, self.classes, Caption(title=title, notes=notes))
