"""Ctrl-C and SIGTERM as a wish to stop after the step at hand."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class StopWish:
    """The first signal is noted; a second one ends the process at once."""

    def __init__(self) -> None:
        self.received = False
        self.name = "a signal to another process"

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Note a signal."""
        if self.received:
            raise KeyboardInterrupt
        self.received = True
        self.name = signal.Signals(number).name


@contextmanager
def stop_wish() -> Generator[StopWish]:
    """Note signals instead of dying of them, and restore the handlers afterwards."""
    wish = StopWish()
    before = [(number, signal.signal(number, wish)) for number in _NUMBERS]
    try:
        yield wish
    finally:
        for number, handler in before:
            signal.signal(number, handler)
