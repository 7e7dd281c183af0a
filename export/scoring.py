"""A precision judged on data: its score against that of float32, at the file's own size."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from topformer.data import BoxDataset, Dataset
from topformer.data.coco import BoxedSplit
from topformer.data.layouts import FoundPairs
from topformer.errors import TopformerError
from topformer.evaluation.boxes import score_boxes
from topformer.evaluation.scored_model import refuse_other_count, refuse_other_task
from topformer.evaluation.scoring import score_split
from topformer.export.budget import Budget
from topformer.images import read_reduced
from topformer.manifest import Classes, Judgement, Manifest, PrecisionParity, ScoreParity
from topformer.preprocess import to_tensor
from topformer.runtimes.opened import Network, OpenedModel
from topformer.runtimes.torch_network import TorchNetwork
from topformer.tasks import DETECTION, SEGMENTATION, task_of

SPLIT = "val"


@dataclass(frozen=True, kw_only=True)
class JudgingData:
    """Annotated pictures to judge files by, and what these may lose on them."""

    dataset: Dataset | BoxDataset
    # Points of the score; None leaves it to each precision.
    max_drop: float | None = None
    # Spread evenly over the split; None takes them all.
    pictures: int | None = None


class Judge(ABC):
    """Scores forms of one network on one split, at one size."""

    # What people call the score.
    metric: ClassVar[str]

    def __init__(self, data: JudgingData, manifest: Manifest, network: nn.Module) -> None:
        self._data, self._manifest, self._network = data, manifest, network

    @abstractmethod
    def paths(self) -> Sequence[Path]:
        """Where its pictures lie."""

    @abstractmethod
    def _score(self, model: OpenedModel) -> float:
        """From 0 to 1; NaN where the annotations define none."""

    @abstractmethod
    def _judgement(self, float32: float, found: float, max_drop: float) -> Judgement:
        """Say it as a manifest does."""

    def tensors(self) -> tuple[Tensor, ...]:
        """Read its pictures as the file will see them, each [1, 3, h, w]."""
        return tuple(
            torch.as_tensor(to_tensor(read_reduced(path).pixels, self._manifest.input))
            for path in self.paths()
        )

    @cached_property
    def float32_score(self) -> float:
        """Score of the network in torch's float32, from 0 to 1."""
        return self._score_of(TorchNetwork(self._network))

    def drop_of(self, network: nn.Module) -> float:
        """Points of the score that another form of the network, in torch, lies below float32."""
        return 100 * (self.float32_score - self._score_of(TorchNetwork(network)))

    def budget(self, max_drop: float) -> Budget:
        """Allow forms of the network to lose so many points."""
        return Budget(
            max_drop=max_drop,
            metric=self.metric,
            task=task_of(self._manifest),
            drop_of=self.drop_of,
        )

    def judge(self, network: Network, max_drop: float) -> Judgement:
        """Score a file in its runtime."""
        allowed = max_drop if self._data.max_drop is None else self._data.max_drop
        return self._judgement(self.float32_score, self._score_of(network), allowed)

    @torch.inference_mode()
    def _score_of(self, network: Network) -> float:
        score = self._score(OpenedModel(manifest=self._manifest, runtime="", network=network))
        if isnan(score):
            raise TopformerError(
                f"No score is defined on {self._data.dataset.key} {SPLIT}.",
                why="Its annotations hold none of the classes.",
            )
        return score


class _LabelJudge(Judge):
    """Scores labels by their mIoU."""

    metric = ScoreParity.metric

    def __init__(
        self, data: JudgingData, dataset: Dataset, manifest: Manifest, network: nn.Module
    ) -> None:
        super().__init__(data, manifest, network)
        _refuse_others(manifest, SEGMENTATION, dataset.classes)
        self._classes = dataset.classes
        found = dataset.split(SPLIT)
        pairs = tuple(found.pairs[one] for one in _spread(len(found.pairs), data.pictures))
        self._found: FoundPairs = replace(found, pairs=pairs)

    def paths(self) -> Sequence[Path]:
        return [pair.picture for pair in self._found.pairs]

    def _score(self, model: OpenedModel) -> float:
        return score_split(model.predict, self._found, self._classes).scores.miou

    def _judgement(self, float32: float, found: float, max_drop: float) -> Judgement:
        return ScoreParity(
            dataset=self._data.dataset.key,
            split=SPLIT,
            pictures=len(self._found.pairs),
            float32_miou=float32,
            miou=found,
            max_drop=max_drop,
        )


class _BoxJudge(Judge):
    """Scores boxes by COCO's AP."""

    metric = PrecisionParity.metric

    def __init__(
        self, data: JudgingData, dataset: BoxDataset, manifest: Manifest, network: nn.Module
    ) -> None:
        super().__init__(data, manifest, network)
        found = dataset.split(SPLIT)
        _refuse_others(manifest, DETECTION, found.classes)
        self._split: BoxedSplit = found.subset(_spread(len(found), data.pictures))

    def paths(self) -> Sequence[Path]:
        return [picture.path for picture in self._split]

    def _score(self, model: OpenedModel) -> float:
        return score_boxes(model.predict, self._split).scores.ap

    def _judgement(self, float32: float, found: float, max_drop: float) -> Judgement:
        return PrecisionParity(
            dataset=self._data.dataset.key,
            split=SPLIT,
            pictures=len(self._split),
            float32_ap=float32,
            ap=found,
            max_drop=max_drop,
        )


def open_judge(data: JudgingData, manifest: Manifest, network: nn.Module) -> Judge:
    """Read the split that a float32 network is scored on.

    Raises `TopformerError` for data of another task or of other classes than the network's.
    """
    if isinstance(data.dataset, BoxDataset):
        return _BoxJudge(data, data.dataset, manifest, network)
    return _LabelJudge(data, data.dataset, manifest, network)


def _refuse_others(manifest: Manifest, task: str, classes: Classes) -> None:
    refuse_other_task(manifest, task, manifest.weights.name)
    refuse_other_count(manifest.classes, classes, manifest.weights.name)


def _spread(found: int, wanted: int | None) -> list[int]:
    """Positions of at most so many of what was found, evenly spread."""
    count = found if wanted is None else min(found, wanted)
    return [number * found // count for number in range(count)]
