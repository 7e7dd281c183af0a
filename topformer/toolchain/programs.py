"""Programs that a build needs: where they are, or what to install."""

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from topformer.errors import TopformerError

VERSION_TIMEOUT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Something that a build needs and this machine lacks."""

    what: str
    # How to get it.
    remedy: str


def refuse_missing(missing: Iterable[Missing], *, what: str) -> None:
    """Raise `TopformerError` that names everything missing at once, and how to get it."""
    entries = list(missing)
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
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").partition("\n")[0].strip()[:200]
