"""What a person sees while a verb works, and how stdout is kept for results meanwhile."""

import os
import re
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich import progress
from rich.status import Status
from rich.text import Text

from topformer.console.screen import stderr
from topformer.text import printable


@contextmanager
def stdout_for_results() -> Generator[None]:
    """Send what libraries write to stdout to stderr instead, also from C++."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


class ProgressDisplay:
    """Says what goes on: on a terminal in a line that changes, elsewhere one line each time."""

    def __init__(self, status: Status) -> None:
        self._shown = ""
        self._status = status

    def __call__(self, doing: str) -> None:
        """Show what is being done."""
        # "fetching weights: 3 MiB" and "fetching weights: 4 MiB" are one.
        name = re.sub(r": [\d. of]+ MiB$", "", doing)
        if not stderr().is_terminal and name != self._shown:
            stderr().print(f"{name} ...", style="dim", soft_wrap=True)
        self._shown = name
        self._status.update(_plain(doing))

    @contextmanager
    def counting(
        self, doing: str, total: int, *, told: bool = False
    ) -> Generator[Callable[[int], None]]:
        """Yield what to tell how many pictures are done; a terminal shows a bar and the time left.

        Elsewhere a line is printed each quarter of the way, unless each picture is `told` anyway.
        """
        if total == 1 or not stderr().is_terminal:
            quiet = told or total == 1
            yield lambda done: None if quiet else _tell_quarter(doing, done, total)
            return
        self._status.stop()
        with progress_bar() as bar:
            task = bar.add_task(printable(doing), total=total, numbers="pictures")
            yield lambda done: bar.update(task, completed=done)
        self._status.start()


def _tell_quarter(doing: str, done: int, total: int) -> None:
    if done * 4 // total > (done - 1) * 4 // total:
        stderr().print(f"{doing}: {done:,} of {total:,} pictures", style="dim")


@contextmanager
def progress_display() -> Generator[ProgressDisplay]:
    """Show a spinner with what is being done, and keep stdout for results meanwhile."""
    with stdout_for_results(), stderr().status(_plain("starting")) as status:
        yield ProgressDisplay(status)


@contextmanager
def spinner(text: str) -> Generator[None]:
    """Show on a terminal that something takes a while."""
    with stderr().status(_plain(text)):
        yield


def progress_bar(*, disable: bool = False) -> progress.Progress:
    """Make a line with a bar, numbers of its task's field of that name, and the time left."""
    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[numbers]}", markup=False),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        console=stderr(),
        speed_estimate_period=600,  # seconds: scoring makes single steps of a training slow
        disable=disable,
    )


def _plain(text: str) -> Text:
    """Make a text of which rich takes nothing for markup; a string in a spinner it always reads."""
    return Text(printable(text))
