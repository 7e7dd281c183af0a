"""Training batches as a function of the step alone, so that a run stops and goes on bit for bit.

Sample `position` of the batch of step `step` is number `step * batch + position` of an endless
sequence of shuffled passes over the data, and its augmentation is drawn from a generator seeded
with (seed, step, position). Neither workers nor processes nor an interruption change any of that.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import active_children

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from topformer.data.samples import SampleSource
from topformer.data.sharing import PREFETCHED, Batch, Copied, Parcel, Sample, Send, collate
from topformer.errors import TopformerError
from topformer.interrupts import ignore_signals
from topformer.text import first_line

# Told apart from a sample's generator: (seed, _SHUFFLE, pass).
_SHUFFLE = 2**31
# How long a batch is waited for: so long, and more for each of its samples. One of 8 takes an
# eighth of a second.
PATIENCE_S, PATIENCE_PER_SAMPLE_S = 120.0, 2.0
# How torch begins the messages of what ends reading processes, and with them the training.
_TROUBLES = ("DataLoader ", "Pin memory thread", "Too many open files")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Where a sample stands in training."""

    step: int
    position: int
    picture: int


def slot_at(step: int, position: int, *, pictures: int, batch: int, seed: int) -> Slot:
    """Find the sample at a position of a step's global batch."""
    number = step * batch + position
    order = _order_of_pass(number // pictures, pictures, seed)
    return Slot(step=step, position=position, picture=int(order[number % pictures]))


# A batch may lie in two passes; for each of its samples to draw the order anew takes long.
@lru_cache(maxsize=4)
def _order_of_pass(
    number: int, pictures: int, seed: int
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.random.default_rng((seed, _SHUFFLE, number)).permutation(pictures)


class _Steps(Sampler[list[Slot]]):
    """This process's share of every step's batch, from one step on."""

    def __init__(
        self, *, first: int, end: int, positions: range, pictures: int, batch: int, seed: int
    ) -> None:
        self.first, self.end, self.positions = first, end, positions
        self.pictures, self.batch, self.seed = pictures, batch, seed

    def __iter__(self) -> Iterator[list[Slot]]:
        for step in range(self.first, self.end):
            yield [
                slot_at(step, position, pictures=self.pictures, batch=self.batch, seed=self.seed)
                for position in self.positions
            ]

    def __len__(self) -> int:
        return self.end - self.first


class _BySlot(Dataset[Sample | TopformerError]):
    """Samples by slot; an error is returned, since raised in a worker it would lose its parts."""

    def __init__(self, source: SampleSource, seed: int) -> None:
        self.source, self.seed = source, seed

    def __getitem__(self, slot: Slot) -> Sample | TopformerError:
        rng = np.random.default_rng((self.seed, slot.step, slot.position))
        try:
            return self.source.sample(slot.picture, rng)
        except TopformerError as error:
            return error


def _prepare_worker(_worker: int) -> None:
    """Leave the cores to training, and the signals to the process that trains.

    Ctrl-C reaches the whole process group; a worker that died of it would take with it the steps
    since the last checkpoint. Workers end when the training process does.
    """
    torch.set_num_threads(1)
    ignore_signals()


def training_batches(
    source: SampleSource,
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
    at the first batch with a picture or its truth that cannot be read, and when reading processes
    die or starve.
    """
    patience_s = PATIENCE_S + PATIENCE_PER_SAMPLE_S * len(positions)
    loader = DataLoader(
        _BySlot(source, seed),
        batch_sampler=_Steps(
            first=first_step,
            end=end_step,
            positions=positions,
            pictures=len(source),
            batch=batch,
            seed=seed,
        ),
        num_workers=workers,
        collate_fn=Send() if workers else collate,
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
    samples: Iterator[Batch | Parcel | Copied | TopformerError], on_notice: Callable[[str], None]
) -> Generator[Batch]:
    """Turn what is made for this process into batches, and what goes wrong into errors."""
    told = False
    while True:
        try:
            made = next(samples, None)
            batch = made.batch() if isinstance(made, Parcel | Copied) else made
        except (RuntimeError, OSError) as error:
            trouble = reading_trouble(error)
            if trouble is None:
                raise
            raise trouble from error
        if batch is None:
            return
        if isinstance(batch, TopformerError):
            raise batch
        if isinstance(made, Copied) and not told:
            on_notice("there is no memory to share, so batches come through pipes: slower")
            told = True
        yield batch


_OTHER_READERS = (
    "Read in the training process with --set workers=0, or give a container more memory with "
    "`--memory` and `--shm-size=1g`"
)


def reading_trouble(error: RuntimeError | OSError) -> TopformerError | None:
    """Say what to do about reading processes that died or starve; None of any other error.

    torch raises it wherever the training process is at that moment, not only where it waits.
    """
    reason = first_line(error)
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
