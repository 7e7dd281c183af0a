"""What a person sees of a training run: a progress line, scores as they come, notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import TaskID

from topformer.console.progress import progress_bar
from topformer.console.screen import stderr
from topformer.data.check import check_split, require_sound
from topformer.data.doubts import shared_pictures
from topformer.training.journal import ScoreRecord, StepRecord

if TYPE_CHECKING:
    from types import TracebackType

    from topformer.training.processes import Place, Pulse
    from topformer.training.run import TrainingRun


class Display:
    """Watches a run in the first process; in the others it is silent."""

    def __init__(self, place: Place, iterations: int) -> None:
        self.speaks = place.is_first
        self.miou = ""
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

    def check(self, run: TrainingRun, pulse: Pulse) -> None:
        """Open every picture and label file once, before anything is trained on them.

        Problems are raised; what is doubtful is said in short, and training begins.
        """
        doubts: list[str] = []
        for name, found in (("train", run.train), ("val", run.val)):
            task = self.progress.add_task(f"checking {name}", total=len(found.pairs), numbers="")

            def show(done: int, _total: int, task: TaskID = task) -> None:
                pulse()
                self.progress.update(task, completed=done)

            report = check_split(found, run.dataset.classes, progress=show)
            require_sound(report)
            self.progress.remove_task(task)
            doubts += [f"{name}: {doubt.what}" for doubt in report.doubts]
        shared = shared_pictures("train", run.train, "val", run.val)
        doubts += [f"val: {shared.what}"] if shared is not None else []
        for doubt in doubts:
            self.on_notice(f"warning: {doubt}")
        if doubts:
            self.on_notice("`topformer data check` names the files and what to do")

    def on_fetch(self, received: int, total: int | None) -> None:
        """Show how much of the initial weights is here."""
        of = f" of {total / 2**20:.0f}" if total else ""
        self.progress.update(
            self.task, visible=True, numbers=f"fetching weights: {received / 2**20:.0f}{of} MiB"
        )

    def on_step(self, step: int) -> None:
        """Move the bar."""
        if step == 1 or not self.progress.tasks[0].started:
            self.progress.start_task(self.task)
        self.progress.update(self.task, completed=step, visible=True)

    def on_record(self, record: StepRecord | ScoreRecord) -> None:
        """Show the newest numbers; scores stay on the screen."""
        if not self.speaks:
            return
        if isinstance(record, ScoreRecord):
            self.miou = f"  mIoU {record.miou:.4f}"
            self._print(
                f"step {record.step}: mIoU {record.miou:.4f}, mean accuracy "
                f"{record.mean_accuracy:.4f}, pixels {record.pixel_accuracy:.4f} "
                f"({record.protocol})"
            )
            return
        numbers = (
            f"loss {record.loss:.4f}  lr {record.learning_rate:.2e}  "
            f"{record.images_per_s:.1f} images/s"
        )
        self.progress.update(self.task, numbers=numbers + self.miou)
        if not stderr().is_terminal:
            self._print(f"step {record.step}: {numbers}")

    def on_notice(self, text: str) -> None:
        """Print a line that stays."""
        if self.speaks:
            self._print(text)

    def _print(self, text: str) -> None:
        stderr().print(text, soft_wrap=True)
