"""The signals by which a person or a system ends a run, and where they must not come in between.

SIGINT is Ctrl-C, SIGTERM the wish of a system that shuts down or schedules, SIGHUP a terminal that
went away. A command turns each into `Interrupted`, unwinds, and ends with 128 and its number.
"""

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# In which what could not be raised where a signal came is raised elsewhere.
_AGAIN_S = 0.05
# Those that `catch_signals` took from the system.
_caught: set[signal.Signals] = set()


class Interrupted(BaseException):
    """A signal ended the work."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_status(self) -> int:
        """What a shell says of a program that the signal ended."""
        return 128 + self.number


def answered_signals() -> list[signal.Signals]:
    """List those that are not ignored, as `nohup` ignores SIGHUP, nor another language's."""
    return [one for one in SIGNALS if signal.getsignal(one) not in {signal.SIG_IGN, None}]


def catch_signals() -> None:
    """Let every signal that is not ignored raise `Interrupted`."""
    for number in answered_signals():
        signal.signal(number, _interrupt)
        _caught.add(number)
    sys.unraisablehook = _again


def ignore_signals() -> None:
    """Let nothing come in between what is left to be told."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def release_signals() -> None:
    """Let caught signals end this process at once, even if they were ignored meanwhile.

    Nothing is left to be put in order.
    """
    while _caught:
        signal.signal(_caught.pop(), signal.SIG_DFL)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(number)


def _again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Where Python was in a finalizer and lost the exception, send the signal once more."""
    if isinstance(unraisable.exc_value, Interrupted):
        arguments = os.getpid(), unraisable.exc_value.number
        threading.Timer(_AGAIN_S, os.kill, arguments).start()
    else:
        sys.__unraisablehook__(unraisable)


@contextmanager
def ctrl_c_held() -> Generator[None]:
    """Hold Ctrl-C and the other signals back until the context ends, which must be soon.

    Programs started in it are not told: for them everything is as ever.
    """
    if threading.current_thread() is not threading.main_thread():  # only it is interrupted
        yield
        return
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in answered_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])
