"""Training batches as a function of the step alone, so that a run stops and goes on bit for bit.

Sample `position` of the batch of step `step` is number `step * batch + position` of an endless
sequence of shuffled passes over the data, and its augmentation is drawn from a generator seeded
with (seed, step, position). Neither workers nor processes nor an interruption change any of that.
"""

import signal
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median_low

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from topformer.data.labels import LabelFile, open_labels
from topformer.data.layouts import FoundPairs, Pair
from topformer.data.transforms import Augmentation, augment, paste_classes
from topformer.errors import TopformerError
from topformer.images import read_picture, read_turned
from topformer.manifest import Classes

DROP_ORIENTATION = (
    "Take the orientation out of such pictures, `exiftool -Orientation= FILE`, so that they stay "
    "as stored, or turn the labels as the pictures are turned."
)

# Told apart from a sample's generator: (seed, _SHUFFLE, pass).
_SHUFFLE = 2**31
# So many tell how large a split's pictures usually are.
SIZED_PICTURES = 32


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Where a sample stands in training."""

    step: int
    position: int
    pair: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples of one process in one step."""

    # float32 [b, 3, h, w], normalised, and int64 [b, h, w].
    pictures: Tensor
    labels: Tensor
    sources: tuple[Path, ...]

    def pin_memory(self) -> "Batch":
        """Move to memory that a GPU copies from by itself; the loader calls this."""
        return Batch(
            pictures=self.pictures.pin_memory(),
            labels=self.labels.pin_memory(),
            sources=self.sources,
        )


@dataclass(frozen=True, kw_only=True)
class OpenedPair:
    """A picture RGB [h, w, 3] with the EXIF orientation it was turned by, and its labels."""

    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    orientation: int
    labels: LabelFile


def open_pair(pair: Pair, found: FoundPairs, classes: Classes) -> OpenedPair:
    """Open a picture and its labels, each turned as its own EXIF orientation says.

    Raises `TopformerError` when either cannot be read or their sizes differ.
    """
    picture, orientation = read_turned(pair.picture)
    labels = open_labels(pair.labels, found.table, classes)
    if picture.shape[:2] != labels.ids.shape:
        raise _other_size(pair, picture.shape[:2], labels.ids.shape, orientation)
    return OpenedPair(picture=picture, orientation=orientation, labels=labels)


def read_pair(pair: Pair, found: FoundPairs, classes: Classes) -> tuple[Tensor, Tensor]:
    """Read a picture uint8 [3, h, w] and its labels uint8 [h, w]; see `open_pair`."""
    opened = open_pair(pair, found, classes)
    return torch.as_tensor(opened.picture).permute(2, 0, 1), torch.as_tensor(opened.labels.ids)


def _other_size(
    pair: Pair, picture: tuple[int, ...], labels: tuple[int, ...], orientation: int
) -> TopformerError:
    what = f"{pair.labels} is not of its picture's size."
    if orientation >= 5 and labels == picture[::-1]:
        return TopformerError(
            what,
            why=f"{pair.picture} has EXIF orientation {orientation}, which turns it from "
            f"{labels[1]}x{labels[0]} to {picture[1]}x{picture[0]}, as viewers show it; the labels "
            "were drawn on the stored pixels.",
            next_step=DROP_ORIENTATION,
        )
    return TopformerError(
        what,
        why=f"The labels are {labels[1]}x{labels[0]}, {pair.picture} is {picture[1]}x{picture[0]}.",
        next_step="Resize neither by hand: get the labels that belong to this picture.",
    )


def usual_picture_size(found: FoundPairs) -> tuple[int, int]:
    """Median (height, width) of a split's pictures, of up to 32 spread evenly over it.

    Raises `TopformerError` when one of them cannot be read.
    """
    step = -(-len(found.pairs) // SIZED_PICTURES)
    shapes = [read_picture(pair.picture).shape for pair in found.pairs[::step]]
    return median_low(shape[0] for shape in shapes), median_low(shape[1] for shape in shapes)


def slot_at(step: int, position: int, *, pairs: int, batch: int, seed: int) -> Slot:
    """Find the sample at a position of a step's global batch."""
    number = step * batch + position
    order = _order_of_pass(number // pairs, pairs, seed)
    return Slot(step=step, position=position, pair=int(order[number % pairs]))


# A batch may lie in two passes; for each of its samples to draw the order anew takes long.
@lru_cache(maxsize=4)
def _order_of_pass(
    number: int, pairs: int, seed: int
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.random.default_rng((seed, _SHUFFLE, number)).permutation(pairs)


class _Steps(Sampler[list[Slot]]):
    """This process's share of every step's batch, from one step on."""

    def __init__(
        self, *, first: int, end: int, positions: range, pairs: int, batch: int, seed: int
    ) -> None:
        self.first, self.end, self.positions = first, end, positions
        self.pairs, self.batch, self.seed = pairs, batch, seed

    def __iter__(self) -> Iterator[list[Slot]]:
        for step in range(self.first, self.end):
            yield [
                slot_at(step, position, pairs=self.pairs, batch=self.batch, seed=self.seed)
                for position in self.positions
            ]

    def __len__(self) -> int:
        return self.end - self.first


class _Samples(Dataset[tuple[Tensor, Tensor, Path] | TopformerError]):
    """Samples by slot; an error is returned, since raised in a worker it would lose its parts."""

    def __init__(
        self, found: FoundPairs, classes: Classes, augmentation: Augmentation, seed: int
    ) -> None:
        self.found, self.classes = found, classes
        self.augmentation, self.seed = augmentation, seed

    def __getitem__(self, slot: Slot) -> tuple[Tensor, Tensor, Path] | TopformerError:
        pair = self.found.pairs[slot.pair]
        rng = np.random.default_rng((self.seed, slot.step, slot.position))
        try:
            sample = self._augmented(pair, rng)
            mix = self.augmentation.class_mix
            if mix and rng.random() < mix:
                other = self.found.pairs[rng.integers(len(self.found.pairs))]
                sample = paste_classes(sample, self._augmented(other, rng), rng)
        except TopformerError as error:
            return error
        return *sample, pair.picture

    def _augmented(self, pair: Pair, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        picture, labels = read_pair(pair, self.found, self.classes)
        return augment(picture, labels, self.augmentation, rng)


def _collate(
    samples: list[tuple[Tensor, Tensor, Path] | TopformerError],
) -> Batch | TopformerError:
    read: list[tuple[Tensor, Tensor, Path]] = []
    for sample in samples:
        if isinstance(sample, TopformerError):
            return sample
        read.append(sample)
    pictures, labels, sources = zip(*read, strict=True)
    return Batch(pictures=torch.stack(pictures), labels=torch.stack(labels), sources=sources)


def _prepare_worker(_worker: int) -> None:
    """Leave the cores to training, and the signals to the process that trains.

    Ctrl-C reaches the whole process group; a worker that died of it would take with it the steps
    since the last checkpoint. Workers end when the training process does.
    """
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def training_batches(
    found: FoundPairs,
    classes: Classes,
    augmentation: Augmentation,
    *,
    first_step: int,
    end_step: int,
    batch: int,
    positions: range,
    seed: int,
    workers: int,
) -> Generator[Batch]:
    """Yield the batches of steps `first_step` to `end_step`, those `positions` of each.

    `batch` is the global batch over all processes. `workers` processes read ahead; 0 reads in this
    one. Raises `TopformerError` at the first batch with a pair that cannot be read.
    """
    loader = DataLoader(
        _Samples(found, classes, augmentation, seed),
        batch_sampler=_Steps(
            first=first_step,
            end=end_step,
            positions=positions,
            pairs=len(found.pairs),
            batch=batch,
            seed=seed,
        ),
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_prepare_worker,
        pin_memory=torch.cuda.is_available(),
    )
    for made in loader:
        if isinstance(made, TopformerError):
            raise made
        yield made
