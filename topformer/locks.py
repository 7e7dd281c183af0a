"""One run in one folder: a second one is told who is at work there.

The lock is of the kind that ends with its process (POSIX, by `fcntl`): nothing is left to be
cleared away after a crash, and child processes do not inherit it.
"""

import errno
import fcntl
import os
import platform
import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from topformer.documents import Count, Document, SchemaName, ShortText, encode_json, read_document
from topformer.errors import TopformerError
from topformer.text import brief, printable

LOCK_NAME = ".topformer-lock"
_LIMIT_BYTES = 2**16
_COMMAND_CHARACTERS = 500
_HELD = {errno.EACCES, errno.EAGAIN}


class LockDocument(Document, frozen=True, kw_only=True):
    """What a lock's file says of who holds it."""

    schema: SchemaName = "topformer.lock/1"
    pid: Count
    machine: ShortText
    command: ShortText
    # ISO 8601.
    since: ShortText


@contextmanager
def only_run_in(folder: Path) -> Generator[None]:
    """Keep other runs out of a folder meanwhile, which is made where it is missing.

    Raises `TopformerError` that says who is at work there, and `OSError`.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    handle = _acquire(path)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, encode_json(_this_process()))
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)
        if is_new:
            with suppress(OSError):  # something came of it
                folder.rmdir()


def _acquire(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                os.close(handle)
                raise _in_use(path) from error
            # A file system without locks keeps nobody out.
        # Its last owner may have removed it between the two.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.lstat()):
                return handle
        os.close(handle)


def _this_process() -> LockDocument:
    return LockDocument(
        pid=os.getpid(),
        machine=platform.node()[:_COMMAND_CHARACTERS],
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:_COMMAND_CHARACTERS],
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _in_use(path: Path) -> TopformerError:
    try:
        holder = read_document(path, LockDocument, limit_bytes=_LIMIT_BYTES, called="lock")
    except TopformerError:  # it has just begun, or has just ended
        who = "Another run is at work there."
    else:
        who = (
            f"Process {holder.pid} on {printable(holder.machine)} is at work there since "
            f"{printable(holder.since)}: {brief(holder.command, _COMMAND_CHARACTERS)}"
        )
    return TopformerError(
        f"{path.parent} is in use.",
        why=who,
        next_step="Wait until it has ended, end it, or choose another folder.",
    )
