"""How things are run on a device: the interface of adb and ssh."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from topformer.children import Conversation, Finished
from topformer.errors import TopformerError
from topformer.files import atomic_write
from topformer.text import printable as printable_text

RUN_TIMEOUT_S = 30.0
RUN_LIMIT_BYTES = 2**20
TRANSFER_TIMEOUT_S = 300.0

LinkKind = Literal["adb", "ssh"]


class Link(Protocol):
    """A device that can be reached. Every call ends in bounded time.

    Everything raises `TopformerError` when the device is lost, silent or out of space.
    """

    @property
    def name(self) -> str:
        """What the user calls the device: its serial, or `ssh:HOST`."""
        ...

    @property
    def kind(self) -> LinkKind:
        """What reaches it."""
        ...

    @property
    def scratch_folder(self) -> str:
        """Where our files may lie and run, for good or for one bench."""
        ...

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float = RUN_TIMEOUT_S,
        limit_bytes: int = RUN_LIMIT_BYTES,
    ) -> Finished:
        """Run a program to its end, whatever its exit status; more output is an error."""
        ...

    def push(self, local: Path, remote: str) -> None:
        """Copy a file to the device. What arrived is for the caller to check."""
        ...

    def start(self, argv: Sequence[str]) -> Conversation:
        """Start a program with pipes to it; killing this end does not end it on the device."""
        ...


def new_token() -> str:
    """Return a word that no output holds by chance."""
    return secrets.token_hex(8)


def output_of(
    link: Link,
    argv: Sequence[str],
    *,
    what: str,
    timeout_s: float = RUN_TIMEOUT_S,
    limit_bytes: int = RUN_LIMIT_BYTES,
) -> bytes:
    """Return what a program prints; raises `TopformerError` saying `what` failed, and why."""
    finished = link.run(argv, timeout_s=timeout_s, limit_bytes=limit_bytes)
    if finished.exit_status != 0:
        said = printable(finished.stderr or finished.stdout)
        raise TopformerError(
            f"{what} failed on {link.name}.",
            why=said or f"{argv[0]} ended with exit status {finished.exit_status}.",
        )
    return finished.stdout


def pull(link: Link, remote: str, local: Path, *, limit_bytes: int) -> None:
    """Copy a file from the device, whole or not at all; a larger one is an error.

    The clients' own ways of copying know no limit, so the file is printed.
    """
    data = output_of(
        link,
        ["cat", remote],
        what=f"Copying {remote}",
        timeout_s=TRANSFER_TIMEOUT_S,
        limit_bytes=limit_bytes,
    )
    atomic_write(local, data)


def printable(data: bytes, *, limit: int = 1000) -> str:
    """End of what a device printed, fit for a terminal."""
    text = data.decode(errors="replace").replace("\t", " ").strip()[-limit:]
    return printable_text(text, lines=True)[-limit:]
