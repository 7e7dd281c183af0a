"""Where training samples come from: the pictures of a split, with label maps or with boxes."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from topformer.data.box_transforms import augment_boxes
from topformer.data.coco.splits import BoxedSplit, open_boxed
from topformer.data.layouts import FoundPairs, Pair
from topformer.data.pairs import open_pair
from topformer.data.sharing import Sample
from topformer.data.transforms import Augmentation, augment, paste_classes
from topformer.manifest import Classes


class SampleSource(Protocol):
    """Makes samples of a split's pictures; reading processes have a copy each."""

    def __len__(self) -> int:
        """Count the pictures."""
        ...

    def sample(self, picture: int, rng: np.random.Generator) -> Sample:
        """Make a sample of one picture; every draw comes from `rng`.

        Raises `TopformerError` for what cannot be read.
        """
        ...


class LabelledSamples:
    """Samples of pictures and label files: truths are ids [h, w]."""

    def __init__(self, found: FoundPairs, classes: Classes, augmentation: Augmentation) -> None:
        self.found, self.classes, self.augmentation = found, classes, augmentation

    def __len__(self) -> int:
        return len(self.found.pairs)

    def sample(self, picture: int, rng: np.random.Generator) -> Sample:
        """See `SampleSource`."""
        pair = self.found.pairs[picture]
        sample = self._augmented(pair, rng)
        mix = self.augmentation.class_mix
        if mix and rng.random() < mix:
            other = self.found.pairs[rng.integers(len(self.found.pairs))]
            sample = paste_classes(sample, self._augmented(other, rng), rng)
        return *sample, pair.picture

    def _augmented(self, pair: Pair, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        opened = open_pair(pair, self.found, self.classes)
        pixels = torch.as_tensor(opened.picture).permute(2, 0, 1)
        return augment(pixels, torch.as_tensor(opened.labels.ids), self.augmentation, rng)


class BoxedSamples:
    """Samples of pictures with boxes: truths are (left, top, right, bottom, class id) [n, 5]."""

    def __init__(self, split: BoxedSplit, augmentation: Augmentation) -> None:
        self.split, self.augmentation = split, augmentation

    def __len__(self) -> int:
        return len(self.split)

    def sample(self, picture: int, rng: np.random.Generator) -> Sample:
        """See `SampleSource`; crowds are left out."""
        boxed = self.split[picture]
        pixels = torch.as_tensor(open_boxed(boxed)).permute(2, 0, 1)
        corners, labels = boxed.learnable()
        boxes = torch.as_tensor(np.concatenate([corners, labels[:, None]], 1, dtype=np.float32))
        return *augment_boxes(pixels, boxes, self.augmentation, rng), boxed.path
