"""Training batches as a function of the step alone, so that a run stops and goes on bit for bit.

Sample `position` of the batch of step `step` is number `step * batch + position` of an endless
sequence of shuffled passes over the data, and its augmentation is drawn from a generator seeded
with (seed, step, position). Neither workers nor processes nor an interruption change any of that.
"""

import math
import mmap
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import active_children
from pathlib import Path
from statistics import median_low
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from topformer.data.labels import LabelFile, open_labels
from topformer.data.layouts import FoundPairs, Pair
from topformer.data.transforms import Augmentation, augment, paste_classes
from topformer.errors import TopformerError
from topformer.images import quiet_decoders, read_picture, read_turned
from topformer.manifest import Classes

DROP_ORIENTATION = (
    "Take the orientation out of such pictures, `exiftool -Orientation= FILE`, so that they stay "
    "as stored, or turn the labels as the pictures are turned."
)

# Told apart from a sample's generator: (seed, _SHUFFLE, pass).
_SHUFFLE = 2**31
# So many tell how large a split's pictures usually are.
SIZED_PICTURES = 32

# Batches that a reading process makes ahead.
PREFETCHED = 2
# How long a batch is waited for: so long, and more for each of its samples. One of 8 takes an
# eighth of a second.
PATIENCE_S, PATIENCE_PER_SAMPLE_S = 120.0, 2.0
# How torch begins the messages of what ends reading processes, and with them the training.
_TROUBLES = ("DataLoader ", "Pin memory thread", "Too many open files")

Item = TypeVar("Item")
Result = TypeVar("Result")


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
class _Copied:
    """A batch that comes through a pipe; labels are ids below 256, which makes them smaller."""

    pictures: NDArray[np.float32]
    labels: NDArray[np.uint8]
    sources: tuple[Path, ...]

    def batch(self) -> Batch:
        return Batch(
            pictures=torch.as_tensor(self.pictures),
            labels=torch.as_tensor(self.labels).long(),
            sources=self.sources,
        )


@dataclass(frozen=True, kw_only=True)
class _Parcel:
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
        return _Copied(
            pictures=pictures.reshape(samples, 3, height, width),
            labels=labels.reshape(self.shape),
            sources=self.sources,
        ).batch()

    def pin_memory(self) -> Batch:
        """Map it into memory that a GPU copies from by itself; the loader calls this."""
        return self.batch().pin_memory()


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


def read_ahead(
    items: Iterable[Item], read: Callable[[Item], Result], *, threads: int, ahead: int
) -> Generator[tuple[Item, Result]]:
    """Yield each item with what `read` makes of it, in order; threads read those that come next.

    What `read` raises is raised when its item's turn has come. Decoders run outside Python's lock,
    so threads use the cores.
    """
    with quiet_decoders(), ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        try:
            for item in items:
                waiting.append((item, pool.submit(read, item)))
                if len(waiting) > ahead:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


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


class _Send:
    """What a reading process does with samples: collate, and leave the batch in memory.

    In files of its own, because torch's way is /dev/shm, which has 64 MB in a container unless it
    is given more, and a batch for which there is no room would be lost and waited for for ever. Nor
    is a reading process asked for anything once its batch is made, when it may be gone or stopped.
    """

    def __init__(self) -> None:
        self.files: deque[int] | None = deque() if _memory_files_work() else None

    def __call__(
        self, samples: list[tuple[Tensor, Tensor, Path] | TopformerError]
    ) -> _Parcel | _Copied | TopformerError:
        batch = _collate(samples)
        if isinstance(batch, TopformerError):
            return batch
        pictures, labels = batch.pictures.numpy(), batch.labels.to(torch.uint8).numpy()
        try:
            path = self._write(pictures, labels)
        except OSError:
            path = None
        if path is None:
            return _Copied(pictures=pictures, labels=labels, sources=batch.sources)
        samples_, height, width = labels.shape
        return _Parcel(path=path, shape=(samples_, height, width), sources=batch.sources)

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
    on_notice: Callable[[str], None] = lambda _text: None,
) -> Generator[Batch]:
    """Yield the batches of steps `first_step` to `end_step`, those `positions` of each.

    `batch` is the global batch over all processes. `workers` processes read ahead; 0 reads in this
    one. `on_notice` is told once where shared memory is too small for them. Raises `TopformerError`
    at the first batch with a pair that cannot be read, and when reading processes die or starve.
    """
    patience_s = PATIENCE_S + PATIENCE_PER_SAMPLE_S * len(positions)
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
        collate_fn=_Send() if workers else _collate,
        prefetch_factor=PREFETCHED if workers else None,
        worker_init_fn=_prepare_worker,
        pin_memory=torch.cuda.is_available(),
        timeout=patience_s if workers else 0,
    )
    others = set(active_children())
    try:
        samples = iter(loader)
    except OSError as error:  # no more processes, or no room for what they are counted with
        raise TopformerError(
            "The reading processes could not be started.",
            why=f"{error.strerror or error}.",
            next_step=f"{_OTHER_READERS}.",
        ) from error
    readers = set(active_children()) - others
    try:
        yield from _unpacked(samples, on_notice)
    finally:
        # torch ends them when nothing refers to its iterator any more; tracebacks do for long. One
        # that is stopped or waits for a disk does not end, and this process would wait for it.
        getattr(samples, "_shutdown_workers", lambda: None)()
        for reader in readers:
            reader.kill()


def _unpacked(
    samples: Iterator[Batch | _Parcel | _Copied | TopformerError], on_notice: Callable[[str], None]
) -> Generator[Batch]:
    """Turn what is made for this process into batches, and what goes wrong into errors."""
    told = False
    while True:
        try:
            made = next(samples, None)
            batch = made.batch() if isinstance(made, _Parcel | _Copied) else made
        except (RuntimeError, OSError) as error:
            trouble = reading_trouble(error)
            if trouble is None:
                raise
            raise trouble from error
        if batch is None:
            return
        if isinstance(batch, TopformerError):
            raise batch
        if isinstance(made, _Copied) and not told:
            on_notice("there is no memory to share, so batches come through pipes: slower")
            told = True
        yield batch


_OTHER_READERS = (
    "Read in the training process with --set workers=0, or give a container more memory with "
    "--memory and --shm-size=1g"
)


def reading_trouble(error: RuntimeError | OSError) -> TopformerError | None:
    """Say what to do about reading processes that died or starve; None of any other error.

    torch raises it wherever the training process is at that moment, not only where it waits.
    """
    reason = str(error).partition("\n")[0]
    if not isinstance(error, OSError) and not reason.startswith(_TROUBLES):
        return None
    if "timed out" in reason:
        what = "The reading processes have brought no batch for minutes."
        why = "They are stopped or hang, as on a disk or a network that does not answer."
    else:
        what = "A reading process is gone."
        why = f"{reason.split('. ')[0].rstrip('. ')}. The system kills when memory is short."
    return TopformerError(
        what, why=why, next_step=f"{_OTHER_READERS}. The same command with --resume goes on."
    )
