"""This process's place among those that train together, as `torchrun` started them.

Processes meet in `Place.agree` only, apart from the network's own exchange of gradients inside a
step. So one that fails anywhere else tells the others there, and all end with its message.
"""

# pyright: standard
# Not strict: torch types its distributed parts loosely.

import json
import os
import re
import signal
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from topformer.errors import TopformerError, UsageError
from topformer.interrupts import answered_signals
from topformer.text import first_line

Value = TypeVar("Value")

# What processes tell each other; the highest counts. A process that failed tells FAILED + its rank.
GO_ON, BUSY, STOP, FAILED = range(4)

# Who works while others wait for it says so at this interval.
PULSE_S = 30.0
# So nobody waits for another longer than for a pulse and one picture, one batch (the readers' own
# time-out ends that) or one file, however long a data check or a validation takes. A process that
# fails or dies ends the others at once. This is for one that hangs.
GROUP_TIMEOUT = timedelta(minutes=30)


class OutOfStepError(TopformerError):
    """A failure after which this process cannot meet the others any more."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which of how many processes this is, and where it computes."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """Positions of the global batch that fall to this process; raises `UsageError`."""
        if batch % self.world_size:
            raise UsageError(
                f"A batch of {batch} cannot be shared by {self.world_size} processes.",
                next_step=f"Set batch to a multiple of {self.world_size}.",
            )
        own = batch // self.world_size
        return range(self.rank * own, (self.rank + 1) * own)

    def agree(self, state: int) -> int:
        """Tell a state to all processes and return the highest; waits until each has told one.

        Raises `OutOfStepError` with the message of a process that failed, or where one is gone.
        """
        if self.world_size == 1:
            return state
        with lost_peers():
            highest = self._highest(state)
            if highest < FAILED:
                return highest
            failed = highest - FAILED
            what, why, next_step = self._message_of(failed, ("", "", ""))
        raise OutOfStepError(
            f"Process {failed} of {self.world_size} failed: {what}", why=why, next_step=next_step
        )

    def meet(self) -> None:
        """Wait until all processes are here, however long one of them is busy."""
        while self.agree(GO_ON) == BUSY:
            pass

    def sum(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add up the numbers of all processes; call it right after they have met."""
        if self.world_size == 1:
            return counts
        total = torch.from_numpy(counts).to(self.device)
        with lost_peers():
            distributed.all_reduce(total)
        return total.cpu().numpy()

    def gather(self, own: Value) -> list[Value]:
        """Collect a picklable value of each process, by rank; call it right after they have met."""
        if self.world_size == 1:
            return [own]
        gathered: list[Any] = [None] * self.world_size
        with lost_peers():
            distributed.all_gather_object(gathered, own)
        return gathered

    def copy_from_first(self, network: nn.Module) -> None:
        """Give this process the first one's weights and statistics, bit for bit."""
        if self.world_size == 1:
            return
        with lost_peers():
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, 0)

    def tell_failure(self, error: TopformerError | OSError) -> None:
        """Let the others end with this error; returns when they know it or are gone."""
        known = isinstance(error, TopformerError)
        parts = (error.what, error.why, error.next_step) if known else (str(error), "", "")
        with suppress(OutOfStepError), lost_peers():
            self._message_of(self._highest(FAILED + self.rank) - FAILED, parts)

    def _highest(self, state: int) -> int:
        told = torch.tensor(state, device=self.device)
        distributed.all_reduce(told, distributed.ReduceOp.MAX)
        return int(told.item())

    def _message_of(self, rank: int, own: tuple[str, str, str]) -> tuple[str, str, str]:
        """Hand the message of one process to all."""
        # Names of files may hold what UTF-8 cannot; JSON escapes it.
        data = json.dumps(own).encode() if rank == self.rank else b""
        size = torch.tensor(len(data), device=self.device)
        distributed.broadcast(size, rank)
        text: Tensor = torch.zeros(int(size.item()), dtype=torch.uint8)
        if data:
            text = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        text = text.to(self.device)
        distributed.broadcast(text, rank)
        what, why, next_step = json.loads(text.cpu().numpy().tobytes())
        return what, why, next_step


class Pulse:
    """Called while this process works and others wait in `meet`: now and then it tells them so."""

    def __init__(self, place: Place) -> None:
        self.place, self.told = place, time.monotonic()

    def __call__(self) -> None:
        """Note that something more is done."""
        if self.place.world_size > 1 and time.monotonic() - self.told >= PULSE_S:
            self.place.agree(BUSY)
            self.told = time.monotonic()


@contextmanager
def lost_peers() -> Generator[None]:
    """Raise `OutOfStepError` where torch says that another process is gone."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error)
        if not isinstance(error, distributed.DistError) and not re.search("gloo|NCCL", reason):
            raise
        raise OutOfStepError(
            "Another of the processes that train together is gone.",
            why=first_line(error),
            next_step="Its own last message says more. Start all of them again with --resume to go "
            "on from the last checkpoint.",
        ) from error


@contextmanager
def join() -> Generator[Place]:
    """Join the processes that `torchrun` describes in the environment; alone without it.

    All leave together: where one fails, the others raise its error too.
    """
    place = place_from(os.environ, gpus=torch.cuda.device_count())
    if place.world_size == 1:
        yield place
        return
    cuda = place.device.type == "cuda"
    if cuda:
        torch.cuda.set_device(place.device)
    # While torch waits for the others it runs no handler of Python's.
    handlers = {one: signal.signal(one, signal.SIG_DFL) for one in answered_signals()}
    try:
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=GROUP_TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise TopformerError(
            f"Process {place.rank} of {place.world_size} found no way to the others.",
            why=first_line(error),
            next_step="Start all of them with torchrun; between machines, with the same "
            "`--rdzv-endpoint HOST:PORT`, which each of them must reach.",
        ) from error
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
    try:
        yield place
        place.meet()
    except OutOfStepError:
        raise
    except (TopformerError, OSError) as error:
        place.tell_failure(error)
        raise
    # Not after a failure: closed connections would end others, and torchrun with them this process,
    # before its message is printed.
    distributed.destroy_process_group()


def place_from(environment: Mapping[str, str], *, gpus: int) -> Place:
    """Read what `torchrun` describes; raises `UsageError` where that is incomplete or wrong."""
    world_size = _number(environment, "WORLD_SIZE")
    rank = _number(environment, "RANK")
    local = _number(environment, "LOCAL_RANK")
    if world_size == 0:
        raise _misdescribed("WORLD_SIZE is 0, but at least this process trains.")
    count = world_size or 1
    if rank is not None and rank >= count:
        told = "WORLD_SIZE is not set" if world_size is None else f"WORLD_SIZE is {count}"
        raise _misdescribed(f"RANK is {rank}, but {told}: ranks count from 0 to WORLD_SIZE - 1.")
    if count > 1:
        needed = ["RANK", "MASTER_ADDR", "MASTER_PORT", *(["LOCAL_RANK"] if gpus else [])]
        for name in needed:
            if not environment.get(name):
                raise _misdescribed(f"WORLD_SIZE is {count}, but {name} is not set.")
        port = _number(environment, "MASTER_PORT") or 0
        if not 0 < port < 2**16:
            raise _misdescribed(f"MASTER_PORT is {port}: ports go from 1 to 65535.")
    if gpus and (local or 0) >= gpus:
        raise UsageError(
            f"LOCAL_RANK is {local}, but this machine has {gpus} GPU{'s' if gpus > 1 else ''}.",
            why="Each process of a machine takes the GPU whose number is its LOCAL_RANK, from 0.",
            next_step=f"Start at most {gpus} processes here: `torchrun --nproc-per-node {gpus}`.",
        )
    device = torch.device("cuda", local or 0) if gpus else torch.device("cpu")
    return Place(rank=rank or 0, world_size=count, device=device)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    """Read a number; None where it is not set, or set to nothing."""
    text = environment.get(name, "").strip()
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,9}", text):
        raise _misdescribed(f"{name} is {text[:80]!r}, which is no number that counts processes.")
    return int(text)


def _misdescribed(what: str) -> UsageError:
    return UsageError(
        what,
        why="torchrun sets WORLD_SIZE, RANK, LOCAL_RANK, MASTER_ADDR and MASTER_PORT together; "
        "schedulers and notebooks may leave some of them behind.",
        next_step="Start with `torchrun --nproc-per-node N -m topformer train ...`; to train in "
        "one process, first `unset WORLD_SIZE RANK LOCAL_RANK`.",
    )
