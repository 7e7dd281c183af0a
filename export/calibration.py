"""The pictures from which a precision learns what values its activations take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topformer.data import BoxDataset, Dataset
from topformer.errors import UsageError
from topformer.images import bundled_pictures, find_pictures, read_reduced
from topformer.manifest import CalibrationInfo, InputInfo
from topformer.preprocess import to_tensor

DEFAULT_PICTURES = 48
BUNDLED_SOURCE = "bundled pictures"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Pictures that were chosen; none of them is read yet."""

    # As a manifest names it.
    source: str
    seed: int = 0
    # None stands for the pictures inside the package.
    paths: tuple[Path, ...] | None = None

    @property
    def is_bundled(self) -> bool:
        """Whether nobody gave pictures like those that the model is for."""
        return self.paths is None

    def tensors(self, info: InputInfo) -> tuple[Tensor, ...]:
        """Read them as the file will see them, each [1, 3, h, w]; all are in memory together.

        Raises `TopformerError` for one that cannot be read.
        """
        return tuple(torch.as_tensor(to_tensor(picture, info)) for picture in self._pictures())

    def describe(self) -> CalibrationInfo:
        """Write what a manifest keeps of them."""
        count = len(self.paths) if self.paths is not None else 2 * len(bundled_pictures())
        return CalibrationInfo(source=self.source, pictures=count, seed=self.seed)

    def _pictures(self) -> Iterator[NDArray[np.uint8]]:
        if self.paths is not None:
            yield from (read_reduced(path).pixels for path in self.paths)
            return
        for _, picture in bundled_pictures():
            yield picture
            yield np.ascontiguousarray(picture[:, ::-1])


def bundled_calibration() -> Calibration:
    """Take the pictures inside the package, and each of them mirrored."""
    return Calibration(source=BUNDLED_SOURCE)


def folder_calibration(folder: Path, *, pictures: int, seed: int) -> Calibration:
    """Draw pictures from a folder; raises `UsageError` where there are none."""
    found = find_pictures([folder])
    if not found:
        raise UsageError(f"There are no pictures in {folder}.", next_step="Name another folder.")
    return Calibration(
        source=folder.resolve().name[:1000], seed=seed, paths=_draw(found, pictures, seed)
    )


def dataset_calibration(dataset: Dataset | BoxDataset, *, pictures: int, seed: int) -> Calibration:
    """Draw pictures from the training split of a data set."""
    if isinstance(dataset, BoxDataset):
        found = [picture.path for picture in dataset.split("train")]
    else:
        found = [pair.picture for pair in dataset.split("train").pairs]
    return Calibration(source=f"{dataset.key} train", seed=seed, paths=_draw(found, pictures, seed))


def _draw(found: Sequence[Path], pictures: int, seed: int) -> tuple[Path, ...]:
    order = np.random.default_rng(seed).permutation(len(found))[:pictures]
    return tuple(found[int(position)] for position in np.sort(order))
