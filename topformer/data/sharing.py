"""How batches come from the processes that read them to the one that trains.

A sample is a picture, its truth and where it comes from. The truth is one tensor, whatever the
task: label maps are int64 [h, w], boxes float32 [n, 5].
"""

import math
import mmap
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topformer.errors import TopformerError

# Batches that a reading process makes ahead.
PREFETCHED = 2
# What rows of boxes are filled up with that a picture has fewer of than another in its batch.
NOTHING = -1

# Picture float32 [3, h, w], normalised; truth; file.
Sample = tuple[Tensor, Tensor, Path]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples of one process in one step."""

    # float32 [b, 3, h, w], normalised, smaller ones filled up with 0, the mean colour.
    pictures: Tensor
    # int64 label maps [b, h, w], or boxes, float32 [b, n, 5], filled up with `NOTHING`.
    truth: Tensor
    sources: tuple[Path, ...]

    def pin_memory(self) -> "Batch":
        """Move to memory that a GPU copies from by itself; the loader calls this."""
        return Batch(
            pictures=self.pictures.pin_memory(),
            truth=self.truth.pin_memory(),
            sources=self.sources,
        )


@dataclass(frozen=True, kw_only=True)
class Copied:
    """A batch that comes through a pipe; label maps are ids below 256, which makes them smaller."""

    pictures: NDArray[np.float32]
    truth: NDArray[np.uint8 | np.float32]
    sources: tuple[Path, ...]

    def batch(self) -> Batch:
        """Return what was sent."""
        truth = torch.as_tensor(self.truth)
        return Batch(
            pictures=torch.as_tensor(self.pictures),
            truth=truth.long() if truth.dtype == torch.uint8 else truth,
            sources=self.sources,
        )


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A batch in a file in memory, which the reading process holds open."""

    path: str
    # [b, 3, h, w]; and as `Copied` has it.
    pictures_shape: tuple[int, ...]
    truth_shape: tuple[int, ...]
    are_label_maps: bool
    sources: tuple[Path, ...]

    def batch(self) -> Batch:
        """Map it; raises OSError when the reading process is gone."""
        with Path(self.path).open("r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
        pictures = np.frombuffer(memory, np.float32, math.prod(self.pictures_shape))
        truth = np.frombuffer(
            memory,
            np.uint8 if self.are_label_maps else np.float32,
            math.prod(self.truth_shape),
            offset=pictures.nbytes,
        )
        return Copied(
            pictures=pictures.reshape(self.pictures_shape),
            truth=truth.reshape(self.truth_shape),
            sources=self.sources,
        ).batch()

    def pin_memory(self) -> Batch:
        """Map it into memory that a GPU copies from by itself; the loader calls this."""
        return self.batch().pin_memory()


def collate(samples: list[Sample | TopformerError]) -> Batch | TopformerError:
    """Make a batch of samples, or return the first error among them."""
    read: list[Sample] = []
    for sample in samples:
        if isinstance(sample, TopformerError):
            return sample
        read.append(sample)
    pictures, truths, sources = zip(*read, strict=True)
    return Batch(
        pictures=_together(pictures, 0.0), truth=_together(truths, NOTHING), sources=sources
    )


def _together(tensors: Sequence[Tensor], filling: float) -> Tensor:
    """Stack tensors, smaller ones filled up at the end of each dimension."""
    size = [max(sides) for sides in zip(*(one.shape for one in tensors), strict=True)]
    if all(list(one.shape) == size for one in tensors):
        return torch.stack(list(tensors))
    stacked = tensors[0].new_full((len(tensors), *size), filling)
    for place, one in zip(stacked, tensors, strict=True):
        place[tuple(slice(side) for side in one.shape)] = one
    return stacked


class Send:
    """What a reading process does with samples: collate, and leave the batch in memory.

    In files of its own, because torch's way is /dev/shm, which has 64 MB in a container unless it
    is given more, and a batch for which there is no room would be lost and waited for for ever. Nor
    is a reading process asked for anything once its batch is made, when it may be gone or stopped.
    """

    def __init__(self) -> None:
        self.files: deque[int] | None = deque() if _memory_files_work() else None

    def __call__(self, samples: list[Sample | TopformerError]) -> Parcel | Copied | TopformerError:
        """Collate samples; an error among them is sent as it is."""
        batch = collate(samples)
        if isinstance(batch, TopformerError):
            return batch
        are_label_maps = batch.truth.dtype == torch.int64
        pictures = batch.pictures.numpy()
        truth = (batch.truth.to(torch.uint8) if are_label_maps else batch.truth).numpy()
        try:
            path = self._write(pictures, truth)
        except OSError:
            path = None
        if path is None:
            return Copied(pictures=pictures, truth=truth, sources=batch.sources)
        return Parcel(
            path=path,
            pictures_shape=pictures.shape,
            truth_shape=truth.shape,
            are_label_maps=are_label_maps,
            sources=batch.sources,
        )

    def _write(self, *arrays: NDArray[np.generic]) -> str | None:
        """Write arrays into a new file in memory; None where there are no such files."""
        if self.files is None:
            return None
        # This batch was asked for when the last but one had come, thus the one before was mapped.
        while len(self.files) >= PREFETCHED + 1:
            os.close(self.files.popleft())
        number = os.memfd_create("batch")
        self.files.append(number)
        with open(number, "wb", closefd=False) as file:
            for array in arrays:
                file.write(array.data)
        return _path_of(number)


def _path_of(number: int) -> str:
    """Where other processes of the same user find an open file of this one."""
    return f"/proc/{os.getpid()}/fd/{number}"


def _memory_files_work() -> bool:
    """Whether there are files in memory (on Linux) that other processes can open."""
    try:
        number = os.memfd_create("batch")
        try:
            return os.path.samestat(Path(_path_of(number)).stat(), os.fstat(number))
        finally:
            os.close(number)
    except (AttributeError, OSError):
        return False
