"""The whole command in this process: no start and no imports of its own for each test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pytest


@contextmanager
def redirected(number: int, file: IO[bytes]) -> Iterator[None]:
    """Let what is written to a file descriptor go into a file."""
    kept = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        os.dup2(kept, number)
        os.close(kept)


def run_command(
    *words: str | bytes | Path, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `topformer` with these words as a shell would: status, stdout and stderr."""
    from topformer.cli.main import main
    from topformer.console.screen import stderr
    from topformer.interrupts import SIGNALS

    status = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        TemporaryFile() as out,
        TemporaryFile() as err,
    ):
        patch.setattr(sys, "argv", ["topformer", *map(os.fsdecode, words)])
        # The command puts others in their place, which write to the file descriptors.
        for name in ("stdin", "stdout", "stderr"):
            patch.setattr(sys, name, getattr(sys, name))
        if cwd:
            patch.chdir(cwd)
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        stderr.cache_clear()  # it keeps the width that it found
        with redirected(1, out), redirected(2, err):
            try:
                main()
            except SystemExit as ended:
                status = ended.code or 0
            finally:
                stderr.cache_clear()
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        texts = [(file.seek(0), file.read().decode())[1] for file in (out, err)]
    return subprocess.CompletedProcess(words, status, *texts)
