r"""Stdout and stderr as every verb may use them: any name can be written, and a reader may go.

What the encoding of a stream lacks is written as `\u8857`. A stream that was closed before the
start is as good as /dev/null. When the reader of stdout goes (`| head -1`), the command ends
without a word and with `READER_GONE`; a stdout that takes no more is an error like any other. What
happens to stderr is no reason to stop.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from topformer.errors import TopformerError, UsageError

if TYPE_CHECKING:
    from typing import TextIO

    from typing_extensions import Buffer

# What a shell says of a program that SIGPIPE ended.
READER_GONE = 141


class _Stdout(io.FileIO):
    """Bytes to file descriptor 1, until it fails."""

    def write(self, data: Buffer, /) -> int | None:
        try:
            return super().write(data)
        except BrokenPipeError:
            _discard(1)
            sys.exit(READER_GONE)
        except OSError as error:
            _discard(1)
            raise TopformerError(
                "The result cannot be written to stdout.", why=error.strerror or str(error)
            ) from error


class _Stderr(io.FileIO):
    """Bytes to file descriptor 2 as long as somebody takes them."""

    def write(self, data: Buffer, /) -> int | None:
        try:
            return super().write(data)
        except OSError:
            _discard(2)
            return memoryview(data).nbytes


def prepare_streams(*, as_json: bool) -> None:
    """Open what is closed, and put streams in place that can write any text.

    Raises `UsageError` for a closed stdout that was to take a document.
    """
    stdout_closed = False
    for number in (0, 1, 2):
        if not _is_open(number):
            stdout_closed |= number == 1
            # The lowest number that is free, hence this one.
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout = _text(_Stdout(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Stderr(2, "w", closefd=False), sys.stderr)
    if stdout_closed and as_json:
        raise UsageError(
            "Stdout is closed, and --json writes its document there.",
            next_step="Send it to a file: --json > result.json.",
        )


def _text(raw: io.FileIO, before: TextIO | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=(before.encoding if before else None) or "utf-8",
        errors="backslashreplace",
        line_buffering=raw.isatty() or raw.fileno() == 2,
    )


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _discard(number: int) -> None:
    """Let all that is written from now on vanish, also what is flushed at the very end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)
