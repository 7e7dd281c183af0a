"""Ctrl-C where it must not come in between."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ctrl_c_held() -> Generator[None]:
    """Hold Ctrl-C back until the context ends; what runs in it must end soon.

    Programs started in it are not told: for them everything is as ever.
    """
    if threading.current_thread() is not threading.main_thread():  # only it is interrupted
        yield
        return
    is_pressed = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_pressed
        is_pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if is_pressed:
            signal.raise_signal(signal.SIGINT)
