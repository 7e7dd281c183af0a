"""What checks of all data sets have in common: problems and warnings, told and written."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from rich.text import Text

from topformer.console.screen import stderr
from topformer.data.doubts import Doubt
from topformer.errors import TopformerError
from topformer.figures import Caption
from topformer.files import atomic_write
from topformer.verbs.data.document import ProblemDocument, WarningDocument

SHEET_PICTURES = 8

ItemT = TypeVar("ItemT")
ShownT = TypeVar("ShownT")


def draw_samples(
    path: Path,
    items: Sequence[ItemT],
    *,
    named: Sequence[ItemT],
    show: Callable[[ItemT], ShownT],
    draw: Callable[[list[ShownT], Caption], bytes],
    title: str,
) -> Path | None:
    """Draw samples spread over a split: neighbours are often frames of one film.

    Those that warnings name come first, up to half of all. What cannot be read is left out, for it
    is among the problems already.
    """
    spread = items[:: max(1, -(-len(items) // SHEET_PICTURES))]
    chosen = list(dict.fromkeys([*named[: SHEET_PICTURES // 2], *spread]))[:SHEET_PICTURES]
    shown: list[ShownT] = []
    for one in chosen:
        with suppress(TopformerError):
            shown.append(show(one))
    if not shown:
        return None
    after = ", after some that warnings name" if named else ""
    notes = (f"{len(shown)} of {len(items):,} pictures, evenly chosen{after}",)
    atomic_write(path, draw(shown, Caption(title=title, notes=notes)))
    return path


def problem_documents(problems: Sequence[TopformerError]) -> tuple[ProblemDocument, ...]:
    """Write what is wrong."""
    return tuple(
        ProblemDocument(what=error.what, why=error.why, next_step=error.next_step)
        for error in problems
    )


def warning_documents(doubts: Sequence[Doubt]) -> tuple[WarningDocument, ...]:
    """Write what is probably not meant."""
    return tuple(
        WarningDocument(
            kind=doubt.kind,
            what=doubt.what,
            why=doubt.why,
            next_step=doubt.next_step,
            count=doubt.count,
            files=tuple(str(file) for file in doubt.files),
        )
        for doubt in doubts
    )


def size_range(smallest: tuple[int, int] | None, largest: tuple[int, int] | None) -> str:
    """Write the sizes, (height, width), of a split's pictures as the end of a phrase."""
    if smallest is None or largest is None:
        return ""
    low, high = (f"{height}x{width}" for height, width in (smallest, largest))
    return f", {low}" + (f" to {high}" if high != low else "") + " pixels"


def tell_findings(
    problems: Sequence[ProblemDocument],
    problem_count: int,
    warnings: Sequence[WarningDocument],
) -> None:
    """Print the problems and warnings of a split."""
    console = stderr()
    for problem in problems:
        _tell("problem: ", "bold red", problem)
    if problem_count > len(problems):
        console.print(f"and {problem_count - len(problems):,} problems more")
    for warning in warnings:
        _tell("warning: ", "bold yellow", warning)
        files = ", ".join(warning.files)
        if files:
            more = f" and {rest:,} more" if (rest := warning.count - len(warning.files)) > 0 else ""
            console.print(Text.assemble(("  files: ", "dim"), files, more), soft_wrap=True)


def _tell(title: str, style: str, told: ProblemDocument | WarningDocument) -> None:
    for label, label_style, text in (
        (title, style, told.what),
        ("    why: ", "dim", told.why),
        ("   next: ", "dim", told.next_step),
    ):
        if text:
            stderr().print(Text.assemble((label, label_style), text), soft_wrap=True)
