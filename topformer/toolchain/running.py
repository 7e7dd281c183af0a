"""Run the programs that build something: none outlives the call."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from topformer.children import child
from topformer.errors import TopformerError

# The first build of the app fetches tools, libraries and, with Gradle, parts of the SDK.
BUILD_TIMEOUT_S = 3600.0
STEP_TIMEOUT_S = 900.0
LOG_TAIL_BYTES = 4000
END_GRACE_S = 10.0
_STDERR = 2
# Labels equal Python's only when nobody adds flags such as -ffast-math, and these hold flags.
_FLAG_VARIABLES = {"CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS"}


def run_build(
    command: Sequence[str | Path],
    *,
    name: str,
    output: int = _STDERR,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = BUILD_TIMEOUT_S,
) -> int:
    """Run a program with all that it says on stderr; it is dead when this ends, however it ends.

    `output` is another file descriptor to write to. Returns the exit status; raises
    `TopformerError` when it does not start or takes too long.
    """
    try:
        with child(
            command,
            stdout=output,
            stderr=output,
            folder=folder,
            environment=environment,
            first_signal=signal.SIGTERM,
            grace_s=END_GRACE_S,
        ) as process:
            return process.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise TopformerError(f"{name} took more than {timeout_s:g} s.") from None
    except OSError as error:
        raise TopformerError(f"{name} failed.", why=str(error)) from error


def run_step(
    what: str, command: Sequence[str | Path], *, timeout_s: float = STEP_TIMEOUT_S
) -> None:
    """Run one step of a build; raises `TopformerError` with the end of its output if it fails."""
    with TemporaryFile() as log:
        status = run_build(
            command,
            name=what,
            output=log.fileno(),
            environment=build_environment(os.environ),
            timeout_s=timeout_s,
        )
        if status != 0:
            raise TopformerError(f"{what} failed.", why=_tail(log.fileno()))


def build_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what would change compilers or their flags."""
    return {
        name: value
        for name, value in inherited.items()
        if name not in _FLAG_VARIABLES and not name.startswith("CMAKE_")
    }


def _tail(descriptor: int) -> str:
    size_bytes = os.fstat(descriptor).st_size
    start = max(0, size_bytes - LOG_TAIL_BYTES)
    return os.pread(descriptor, LOG_TAIL_BYTES, start).decode(errors="replace").strip()
