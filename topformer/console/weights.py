"""What verbs say of the weights they use: whether they mean anything, and what may be done."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

from topformer.classes import are_numbered, datasets_with
from topformer.console.output import warn
from topformer.console.screen import stderr
from topformer.errors import ByHandError, advising
from topformer.manifest import Classes, WeightsInfo


def announce_random(weights: WeightsInfo) -> None:
    """Warn that a result comes from random weights, if it does."""
    if weights.is_random:
        warn(
            "these are RANDOM weights: good for latency and for trying the toolchain, "
            "but the classes they find mean nothing."
        )


def announce_unnamed(classes: Classes, weights: WeightsInfo) -> None:
    """Warn that classes only have numbers, if so, and say how to name them."""
    if not are_numbered(classes) or weights.is_random:
        return
    count = len(classes.names)
    keys = datasets_with(count)
    known = f", or `--classes {keys[0]}` if they are that data set's {count}" if keys else ""
    warn(
        f"the weights name no classes: they are called class 0 to class {count - 1}. Name them "
        f"with `--classes FILE`, one name a line{known}; predict, export and eval take it."
    )


def tell_notes(notes: Iterable[str]) -> None:
    """Say what was wrapped around the weights and taken off, a line each."""
    for note in notes:
        stderr().print(f"weights: {note}", soft_wrap=True)


def tell_licence(licence: str) -> None:
    """Say in one line what the weights in a file that was made may be used for."""
    stderr().print(f"licence of the weights: {licence}", soft_wrap=True)


def weights_as(given: str, *, otherwise: str = "") -> AbstractContextManager[None]:
    """Say in errors of weights that must be got by hand how this verb is given the file."""
    return advising(ByHandError, f"Here: {given}PATH/TO/FILE.pth{otherwise}")
