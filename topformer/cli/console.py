"""How every verb speaks: results on stdout, everything for the eye on stderr."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from topformer.errors import ByHandError, TopformerError, advising
from topformer.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

    from topformer.documents import Document
    from topformer.manifest import Classes, WeightsInfo

ClassesOption = Annotated[
    str | None,
    typer.Option(
        "--classes",
        help="Class names: a file (one a line, or a classes.json) or a data set's key. "
        "Default: those in the weights.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")
]


@cache
def stderr() -> Console:
    """Return the console for all that is not a result; made late, because help needs none."""
    from topformer.cli.screen import Screen  # noqa: PLC0415

    return Screen()


def print_document(document: Document) -> None:
    """Write one document to stdout, indented, in UTF-8."""
    from topformer.documents import encode_document  # noqa: PLC0415

    sys.stdout.flush()
    # JSON is UTF-8, whatever the terminal is.
    sys.stdout.buffer.write(encode_document(document))
    sys.stdout.buffer.flush()


def print_lines(lines: Iterable[object], *, shown: bool = False) -> None:
    """Write plain result lines to stdout, for people and pipes alike.

    With `shown`, stderr has said the same in a table: on a terminal that shows both, they are left
    out.
    """
    if shown and stderr().is_terminal and sys.stdout.isatty():
        return
    for line in lines:
        sys.stdout.write(f"{printable(str(line))}\n")


def warn(text: str) -> None:
    """Print a warning."""
    from rich.text import Text  # noqa: PLC0415

    stderr().print(Text("warning:", style="yellow"), text, soft_wrap=True)


def warn_of_letters(names: Iterable[str]) -> None:
    """Warn of names that pictures show in another form, for want of a font."""
    from topformer.fonts import undrawable  # noqa: PLC0415

    lacking = undrawable(dict.fromkeys(names))
    if lacking:
        shown = ", ".join(map(printable, lacking[:5])) + (", ..." if len(lacking) > 5 else "")
        warn(
            f"no font on this machine has the letters of {len(lacking):,} names ({shown}): "
            "pictures show ids or escapes in their place. A font that has them helps, such as "
            "Debian's fonts-noto-core, or fonts-noto-cjk for Chinese, Japanese and Korean."
        )


def announce_random(weights: WeightsInfo) -> None:
    """Warn that a result comes from random weights, if it does."""
    if weights.is_random:
        warn(
            "these are RANDOM weights: good for latency and for trying the toolchain, "
            "but the classes they find mean nothing."
        )


def named_by(source: str | None) -> Classes | None:
    """Read what --classes names; None where it was not given."""
    from topformer.classes import read_classes  # noqa: PLC0415

    return None if source is None else read_classes(source)


def announce_unnamed(classes: Classes, weights: WeightsInfo) -> None:
    """Warn that classes only have numbers, if so, and say how to name them."""
    from topformer.classes import are_numbered, datasets_with  # noqa: PLC0415

    if not are_numbered(classes) or weights.is_random:
        return
    count = len(classes.names)
    keys = datasets_with(count)
    known = f", or `--classes {keys[0]}` if they are that data set's {count}" if keys else ""
    warn(
        f"the weights name no classes: they are called class 0 to class {count - 1}. Name them "
        f"with `--classes FILE`, one name a line{known}; predict, export and eval take it."
    )


def tell_form(notes: Iterable[str]) -> None:
    """Say what was wrapped around the weights and taken off, a line each."""
    for note in notes:
        stderr().print(f"weights: {note}", soft_wrap=True)


def tell_licence(licence: str) -> None:
    """Say in one line what the weights in a file that was made may be used for."""
    stderr().print(f"licence of the weights: {licence}", soft_wrap=True)


def weights_as(given: str, *, otherwise: str = "") -> AbstractContextManager[None]:
    """Say in errors of weights that must be got by hand how this verb is given the file."""
    return advising(ByHandError, f"Here: {given}PATH/TO/FILE.pth{otherwise}")


@contextmanager
def stdout_for_results() -> Generator[None]:
    """Send what libraries write to stdout to stderr instead, also from C++."""
    import logging  # noqa: PLC0415

    # torch warns of a detail inside torchao at every import; no user can act on it.
    logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


class Stages:
    """Says what goes on: on a terminal in a line that changes, elsewhere a line a stage."""

    def __init__(self) -> None:
        """Show that something has begun."""
        self._shown = ""
        self._status = stderr().status(_plain("starting"))

    def __call__(self, stage: str) -> None:
        """Show a stage."""
        # "fetching weights: 3 MiB" and "fetching weights: 4 MiB" are one stage.
        name = re.sub(r": [\d. of]+ MiB$", "", stage)
        if not stderr().is_terminal and name != self._shown:
            stderr().print(f"{name} ...", style="dim", soft_wrap=True)
        self._shown = name
        self._status.update(_plain(stage))

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

    @contextmanager
    def running(self) -> Generator[None]:
        """Turn the spinner."""
        with self._status:
            yield


def _tell_quarter(doing: str, done: int, total: int) -> None:
    if done * 4 // total > (done - 1) * 4 // total:
        stderr().print(f"{doing}: {done:,} of {total:,} pictures", style="dim")


@contextmanager
def stage_display() -> Generator[Stages]:
    """Show a spinner with the current stage, and keep stdout for results meanwhile."""
    stages = Stages()
    with stdout_for_results(), stages.running():
        yield stages


@contextmanager
def spinner(text: str) -> Generator[None]:
    """Show on a terminal that something takes a while."""
    with stderr().status(_plain(text)):
        yield


def progress_bar(*, disable: bool = False) -> Progress:
    """Make a line with a bar, numbers of its task's field of that name, and the time left."""
    from rich import progress  # noqa: PLC0415

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
    from rich.text import Text  # noqa: PLC0415

    return Text(printable(text))


def fail(error: TopformerError, *, as_json: bool) -> NoReturn:
    """Report an error as what, why and next step, and exit with its code."""
    if as_json:
        from topformer.cli.documents import ErrorDocument  # noqa: PLC0415

        print_document(ErrorDocument(what=error.what, why=error.why, next_step=error.next_step))
    for style, label, text in (
        ("bold red", "error:", error.what),
        ("dim", "  why:", error.why),
        ("cyan", " next:", error.next_step),
    ):
        if text:
            stderr().print(label, style=style, end=" ")
            stderr().print(text, soft_wrap=True)
    sys.exit(error.exit_code)
