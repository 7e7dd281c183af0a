"""Programs the build calls: found, or installed where that is ours to do."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from topformer.errors import TopformerError


class ProgramsMissingError(TopformerError):
    """This machine lacks programs that the build is made of."""

    # So that a caller can tell it from a build that fails.
    exit_code = 3


def require(packages: Mapping[str, str]) -> None:
    """Make sure that programs are there: installed as root on Debian, else named.

    Raises `ProgramsMissingError` naming the packages.
    """
    missing = sorted({packages[name] for name in packages if shutil.which(name) is None})
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ProgramsMissingError(
            f"Programs are missing: {', '.join(missing)}.",
            why="The build without an Android SDK is made of them.",
            next_step=f"sudo apt-get install {' '.join(missing)}",
        )
    run("apt-get", "-qq", "update")
    run("apt-get", "-qq", "install", "--no-install-recommends", "--yes", *missing)


def run(*command: str | Path, cwd: Path | None = None, last: int = 40) -> str:
    """Run a program and return what it prints. Raises `TopformerError` with its last lines."""
    words: Sequence[str] = [str(word) for word in command]
    result = subprocess.run(
        words, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if result.returncode != 0:
        raise TopformerError(
            f"{Path(words[0]).name} failed with status {result.returncode}.",
            why="\n".join(result.stdout.splitlines()[-last:]),
        )
    return result.stdout
