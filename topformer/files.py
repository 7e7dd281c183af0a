"""Files in and out: hashes, size limits, and writes that are whole or absent."""

import hashlib
import os
import re
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from topformer.errors import TopformerError, UsageError

_ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]+:/")
_SHOWN_CHARACTERS = 200


def is_address(given: str) -> bool:
    """Whether a person gave an address (https://..., also one that is spoilt) and no path."""
    return _ADDRESS.match(given) is not None


def shown(given: str) -> str:
    """What a person gave, for a message: cut where it is too long."""
    return given if len(given) <= _SHOWN_CHARACTERS else f"{given[:_SHOWN_CHARACTERS]}..."


def local_path(given: str | Path) -> Path:
    """Make a path of what a person gave; raises `UsageError` for an address.

    To be asked of the text as given: as a path, https://x becomes https:/x.
    """
    if isinstance(given, str) and is_address(given):
        raise UsageError(
            f"{shown(given)} cannot be used.",
            why="It is an address, and a path on this machine is needed here.",
            next_step="Download it, with the .json beside it if it is an exported model, and "
            "give the path.",
        )
    return Path(given)


def sha256_bytes(data: bytes) -> str:
    """Hex digest of bytes in memory."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_bytes(path: Path, *, limit_bytes: int, kind: str) -> bytes:
    """Read a whole file, refusing one larger than `limit_bytes` before reading it.

    `kind` names the file in the error, as in "manifest".
    """
    try:
        size_bytes = path.stat().st_size
        if not path.is_file():
            raise TopformerError(f"{path} is not a file.", why=f"A {kind} was expected there.")
        if size_bytes > limit_bytes:
            raise TopformerError(
                f"{path} is too large to be a {kind}.",
                why=f"It has {size_bytes:,} bytes; the limit is {limit_bytes:,}.",
            )
        return path.read_bytes()
    except OSError as error:
        raise TopformerError(f"{path} cannot be read.", why=error.strerror or str(error)) from error


@contextmanager
def atomic_path(path: Path) -> Generator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path`, else it is removed.

    The data is flushed to disk before the rename, so a crash leaves the old file or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes private files; what we ship is as readable as the user's umask allows.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
