"""Averages between two lines of the log."""

import time
from collections.abc import Generator

from topformer.data.sharing import Batch
from topformer.training.journal import StepRecord


class Meter:
    """Adds up losses and time; `restart` begins anew."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.restart()

    def restart(self) -> None:
        """Begin anew, as after scoring, which is no training time."""
        self.losses: list[float] = []
        self.waited_s = 0.0
        self.began = time.perf_counter()

    def waiting_for(self, batches: Generator[Batch]) -> Generator[Batch]:
        """Pass batches on, noting how long each was waited for."""
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            self.waited_s += time.perf_counter() - asked
            yield batch

    def add(self, loss: float) -> None:
        """Note the loss of a step."""
        self.losses.append(loss)

    def record(self, step: int, learning_rate: float) -> StepRecord:
        """Sum up since the last restart, and restart."""
        elapsed_s = time.perf_counter() - self.began
        record = StepRecord(
            step=step,
            loss=sum(self.losses) / len(self.losses),
            learning_rate=learning_rate,
            images_per_s=self.batch * len(self.losses) / elapsed_s,
            waiting_share=min(1.0, self.waited_s / elapsed_s),
        )
        self.restart()
        return record
