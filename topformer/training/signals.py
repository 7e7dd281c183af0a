"""Signals as a wish to stop after the step at hand, or while waiting for data."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from topformer.interrupts import Interrupted, answered_signals

Awaited = TypeVar("Awaited")


class _CutShort(BaseException):
    """Ends a wait; no handler of errors may take it for one."""


class StopWish:
    """The first signal is noted; a second one ends the process at once."""

    def __init__(self) -> None:
        self.received = False
        self.name = "a signal to another process"
        # As of an error, unless this process is told by a signal.
        self.exit_status = 1
        self._waiting = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Note a signal, and end what is waited for."""
        if self.received:
            raise Interrupted(number)
        self.received = True
        self.name = signal.Signals(number).name
        self.exit_status = Interrupted(number).exit_status
        if self._waiting:
            raise _CutShort

    def unless_received(self, wait: Callable[[], Awaited]) -> Awaited | None:
        """Return what `wait` does, or None after a signal, which ends the wait wherever it is."""
        self._waiting = True
        try:
            return None if self.received else wait()
        except _CutShort:
            return None
        finally:
            self._waiting = False


@contextmanager
def stop_wish() -> Generator[StopWish]:
    """Note signals instead of dying of them, and restore the handlers afterwards."""
    wish = StopWish()
    before = [(number, signal.signal(number, wish)) for number in answered_signals()]
    try:
        yield wish
    finally:
        for number, handler in before:
            signal.signal(number, handler)
