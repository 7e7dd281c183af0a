"""How batches come from the processes that read them to the one that trains."""

import math
import mmap
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topformer.errors import TopformerError

# Batches that a reading process makes ahead.
PREFETCHED = 2


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
class Copied:
    """A batch that comes through a pipe; labels are ids below 256, which makes them smaller."""

    pictures: NDArray[np.float32]
    labels: NDArray[np.uint8]
    sources: tuple[Path, ...]

    def batch(self) -> Batch:
        """Return what was sent."""
        return Batch(
            pictures=torch.as_tensor(self.pictures),
            labels=torch.as_tensor(self.labels).long(),
            sources=self.sources,
        )


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A batch in a file in memory, which the reading process holds open."""

    path: str
    # Of the labels: [b, h, w].
    shape: tuple[int, int, int]
    sources: tuple[Path, ...]

    def batch(self) -> Batch:
        """Map it; raises OSError when the reading process is gone."""
        with Path(self.path).open("r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
        (samples, height, width), pixels = self.shape, math.prod(self.shape)
        pictures = np.frombuffer(memory, np.float32, 3 * pixels)
        labels = np.frombuffer(memory, np.uint8, pixels, offset=pictures.nbytes)
        return Copied(
            pictures=pictures.reshape(samples, 3, height, width),
            labels=labels.reshape(self.shape),
            sources=self.sources,
        ).batch()

    def pin_memory(self) -> Batch:
        """Map it into memory that a GPU copies from by itself; the loader calls this."""
        return self.batch().pin_memory()


def collate(
    samples: list[tuple[Tensor, Tensor, Path] | TopformerError],
) -> Batch | TopformerError:
    """Make a batch of samples, or return the first error among them."""
    read: list[tuple[Tensor, Tensor, Path]] = []
    for sample in samples:
        if isinstance(sample, TopformerError):
            return sample
        read.append(sample)
    pictures, labels, sources = zip(*read, strict=True)
    return Batch(pictures=torch.stack(pictures), labels=torch.stack(labels), sources=sources)


class Send:
    """What a reading process does with samples: collate, and leave the batch in memory.

    In files of its own, because torch's way is /dev/shm, which has 64 MB in a container unless it
    is given more, and a batch for which there is no room would be lost and waited for for ever. Nor
    is a reading process asked for anything once its batch is made, when it may be gone or stopped.
    """

    def __init__(self) -> None:
        self.files: deque[int] | None = deque() if _memory_files_work() else None

    def __call__(
        self, samples: list[tuple[Tensor, Tensor, Path] | TopformerError]
    ) -> Parcel | Copied | TopformerError:
        """Collate samples; an error among them is sent as it is."""
        batch = collate(samples)
        if isinstance(batch, TopformerError):
            return batch
        pictures, labels = batch.pictures.numpy(), batch.labels.to(torch.uint8).numpy()
        try:
            path = self._write(pictures, labels)
        except OSError:
            path = None
        if path is None:
            return Copied(pictures=pictures, labels=labels, sources=batch.sources)
        samples_, height, width = labels.shape
        return Parcel(path=path, shape=(samples_, height, width), sources=batch.sources)

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
