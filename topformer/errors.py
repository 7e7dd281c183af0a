"""Errors that a person can act on: what happened, why, and what to do next."""

from collections.abc import Generator
from contextlib import contextmanager


class TopformerError(Exception):
    """A job that failed. The command line prints it and exits with `exit_code`."""

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"Why: {self.why}")
        if self.next_step:
            parts.append(f"Next: {self.next_step}")
        return "\n".join(parts)


class UsageError(TopformerError):
    """The request itself is wrong: an unknown name, an impossible size."""

    exit_code = 2


class StoppedError(TopformerError):
    """A signal ended the job; `exit_code` is what a shell says of such a program."""

    def __init__(self, what: str, *, exit_code: int, why: str = "", next_step: str = "") -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.exit_code = exit_code


class ByHandError(TopformerError):
    """A file that a person must get by other means, and give in place of what was asked for."""


@contextmanager
def advising(kind: type[TopformerError], next_step: str) -> Generator[None]:
    """Add to errors of a kind what only the caller knows, as by which option it takes a file."""
    try:
        yield
    except kind as error:
        error.next_step = f"{error.next_step} {next_step}".lstrip()
        raise
