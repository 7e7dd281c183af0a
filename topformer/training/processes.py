"""This process's place among those that train together, as `torchrun` started them."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

from topformer.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which of how many processes this is, and where it computes."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes, scores and speaks."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """Positions of the global batch that fall to this process; raises `UsageError`."""
        if batch % self.count:
            raise UsageError(
                f"A batch of {batch} cannot be shared by {self.count} processes.",
                next_step=f"Set batch to a multiple of {self.count}.",
            )
        own = batch // self.count
        return range(self.rank * own, (self.rank + 1) * own)


@contextmanager
def join() -> Generator[Place]:
    """Join the processes that `torchrun` describes in the environment; alone without it."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) if cuda else 0)
    device = device if cuda else torch.device("cpu")
    if count == 1:
        yield Place(rank=0, count=1, device=device)
        return
    if cuda:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Place(rank=rank, count=count, device=device)
    finally:
        distributed.destroy_process_group()
