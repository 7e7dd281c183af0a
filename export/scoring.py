"""A precision judged on data: its mIoU against that of float32, at the file's own size."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan

import torch
from torch import Tensor, nn

from topformer.data import Dataset
from topformer.data.layouts import FoundPairs
from topformer.errors import TopformerError
from topformer.evaluation.scored_model import refuse_other_count
from topformer.evaluation.scoring import score_split
from topformer.images import read_reduced
from topformer.manifest import Manifest, ScoreParity
from topformer.preprocess import to_tensor
from topformer.runtimes.opened import Network, OpenedModel
from topformer.runtimes.torch_network import TorchNetwork

SPLIT = "val"


@dataclass(frozen=True, kw_only=True)
class JudgingData:
    """Labelled pictures to judge files by, and what these may lose on them."""

    dataset: Dataset
    # Points of mIoU; None leaves it to each precision.
    max_drop: float | None = None
    # Spread evenly over the split; None takes them all.
    pictures: int | None = None


class Judge:
    """Scores forms of one network on one split, at one size."""

    def __init__(self, data: JudgingData, manifest: Manifest, network: nn.Module) -> None:
        """`network` is the float32 one; raises `TopformerError` for data of other classes."""
        refuse_other_count(manifest.classes, data.dataset.classes, manifest.weights.name)
        self._data, self._manifest, self._network = data, manifest, network
        found = data.dataset.split(SPLIT)
        step = max(1, len(found.pairs) // (data.pictures or len(found.pairs)))
        self._found: FoundPairs = replace(found, pairs=found.pairs[::step][: data.pictures])

    def tensors(self) -> tuple[Tensor, ...]:
        """Read its pictures as the file will see them, each [1, 3, h, w]."""
        return tuple(
            torch.as_tensor(to_tensor(read_reduced(pair.picture).pixels, self._manifest.input))
            for pair in self._found.pairs
        )

    @cached_property
    def float32_miou(self) -> float:
        """Score of the network in torch's float32, from 0 to 1."""
        return self._score(TorchNetwork(self._network))

    def drop_of(self, network: nn.Module) -> float:
        """Points of mIoU that another form of the network, in torch, lies below float32."""
        return 100 * (self.float32_miou - self._score(TorchNetwork(network)))

    def judge(self, network: Network, max_drop: float) -> ScoreParity:
        """Score a file in its runtime."""
        data = self._data
        return ScoreParity(
            dataset=data.dataset.key,
            split=SPLIT,
            pictures=len(self._found.pairs),
            float32_miou=self.float32_miou,
            miou=self._score(network),
            max_drop=max_drop if data.max_drop is None else data.max_drop,
        )

    @torch.inference_mode()
    def _score(self, network: Network) -> float:
        model = OpenedModel(manifest=self._manifest, runtime="", network=network)
        scored = score_split(model.predict, self._found, self._data.dataset.classes)
        miou = scored.scores.miou
        if isnan(miou):
            raise TopformerError(
                f"No mIoU is defined on {self._data.dataset.key} {SPLIT}.",
                why="Its labels hold none of the classes.",
            )
        return miou
