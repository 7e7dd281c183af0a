"""Programs that a build needs: where they are, or what to install; asked, and run to their end."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from topformer.children import EndlessOutputError, Finished, child, run_bounded
from topformer.errors import TopformerError

ANSWER_TIMEOUT_S = 30.0
ANSWER_LIMIT_BYTES = 2**20
# The first build of the app fetches tools, libraries and, with Gradle, parts of the SDK.
BUILD_TIMEOUT_S = 3600.0
STEP_TIMEOUT_S = 900.0
LOG_TAIL_BYTES = 4000
END_GRACE_S = 10.0
_STDERR = 2
# Results equal Python's only when nobody adds flags such as -ffast-math or headers of another
# library, and these do.
_FLAG_VARIABLES = {
    *("CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "MFLAGS"),
    *("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH"),
    *("COMPILER_PATH", "GCC_EXEC_PREFIX"),
}


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Something that a build needs and this machine lacks."""

    what: str
    # How to get it.
    remedy: str


def refuse_missing(*found: object, what: str) -> None:
    """Raise `TopformerError` that names all that is `Missing` at once, and how to get it."""
    entries = [entry for entry in found if isinstance(entry, Missing)]
    if entries:
        raise TopformerError(
            f"{what} cannot be built on this machine.",
            why=f"Missing: {'; '.join(entry.what for entry in entries)}.",
            next_step=f"Install: {', '.join(entry.remedy for entry in entries)}.",
        )


def find_program(name: str, *, package: str) -> Path | Missing:
    """Find a program on the PATH."""
    found = shutil.which(name)
    return Path(found) if found else Missing(what=name, remedy=f"`apt install {package}`")


def first_line_of(program: Path) -> str:
    """Return the first line of what a program says of its version; empty when it does not run."""
    with suppress(TopformerError):
        said = ask_program(program, "--version").stdout
        return said.decode(errors="replace").partition("\n")[0].strip()[:200]
    return ""


def ask_program(program: Path, *arguments: str) -> Finished:
    """Ask a program something, in English; raises `TopformerError` when it does not answer."""
    try:
        return run_bounded(
            [str(program), *arguments],
            timeout_s=ANSWER_TIMEOUT_S,
            limit_bytes=ANSWER_LIMIT_BYTES,
            environment={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, EndlessOutputError) as error:
        why = str(error) or f"It says too much, or goes on for more than {ANSWER_TIMEOUT_S:g} s."
        raise TopformerError(f"{program.name} does not answer.", why=why) from error


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
