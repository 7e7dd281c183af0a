"""What a person sees of a training run: a progress line, scores as they come, notices."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from topformer.console.progress import progress_bar
from topformer.console.screen import stderr
from topformer.training.journal import StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType

    from topformer.training.journal import Record
    from topformer.training.processes import Place


class Display:
    """Watches a run in the first process; in the others it is silent."""

    def __init__(self, place: Place, iterations: int) -> None:
        self.speaks = place.is_first
        self.score = ""
        self.progress = progress_bar(disable=not (self.speaks and stderr().is_terminal))
        self.task = self.progress.add_task(
            "training", total=iterations, numbers="", start=False, visible=False
        )

    def __enter__(self) -> Display:
        """Show the progress line."""
        self.progress.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Leave the last state of the line standing."""
        self.progress.stop()

    @contextmanager
    def counting(self, doing: str, total: int) -> Generator[Callable[[int], None]]:
        """Yield what to tell how many of `total` are done; they have a bar of their own."""
        task = self.progress.add_task(doing, total=total, numbers="")
        yield lambda done: self.progress.update(task, completed=done)
        self.progress.remove_task(task)

    def on_fetch(self, received: int, total: int | None) -> None:
        """Show how much of the initial weights is here."""
        of = f" of {total / 2**20:.0f}" if total else ""
        self.progress.update(
            self.task, visible=True, numbers=f"fetching weights: {received / 2**20:.0f}{of} MiB"
        )

    def on_step(self, step: int) -> None:
        """Move the bar."""
        self.progress.start_task(self.task)  # at the first one: starting again does nothing
        self.progress.update(self.task, completed=step, visible=True)

    def on_record(self, record: Record) -> None:
        """Show the newest numbers; scores stay on the screen."""
        if not self.speaks:
            return
        if not isinstance(record, StepRecord):
            self.score = f"  {record.best.text}"
            self._print(f"step {record.step}: {record.text}")
            return
        numbers = (
            f"loss {record.loss:.4f}  lr {record.learning_rate:.2e}  "
            f"{record.images_per_s:.1f} images/s"
        )
        self.progress.update(self.task, numbers=numbers + self.score)
        if not stderr().is_terminal:
            self._print(f"step {record.step}: {numbers}")

    def on_notice(self, text: str) -> None:
        """Print a line that stays."""
        if self.speaks:
            self._print(text)

    def _print(self, text: str) -> None:
        stderr().print(text, soft_wrap=True)
