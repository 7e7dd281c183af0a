"""Let something happen to a device while a test waits for it."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def soon(action: Callable[[], None], *, delay_s: float = 1.0) -> Generator[None]:
    """Do something after a while; it has been done when the context ends."""
    timer = threading.Timer(delay_s, action)
    timer.start()
    try:
        yield
    finally:
        timer.join()
