"""Files in and out: hashes, size limits, encodings, and writes that are whole or absent."""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from topformer.encodings import decode_text
from topformer.errors import TopformerError, UsageError
from topformer.temporary import PREFIX, temporary_file, temporary_folder

_ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]+:/")


def is_address(given: str) -> bool:
    """Whether a person gave an address (https://..., also one that is spoilt) and no path."""
    return _ADDRESS.match(given) is not None


def without_query(given: str) -> str:
    """Leave an address's query out of what is kept: signed links carry keys in it."""
    return re.split("[?#]", given, maxsplit=1)[0] if is_address(given) else given


def shown(given: str) -> str:
    """What a person gave, for a message: cut where it is too long."""
    return given if len(given) <= 200 else f"{given[:200]}..."


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


BLOCK_BYTES = 2**16
# No file of ours is as large, and the kernel has some of 128 TB.
_LARGEST_HASHED_BYTES = 2**32
# Of a file's name, on all systems that people use.
LONGEST_NAME_BYTES = 255


def sha256_bytes(data: bytes) -> str:
    """Hex digest of bytes in memory."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex digest of a file of up to 4 GiB, read in blocks.

    Raises `TopformerError` for a larger one, and for what is no regular file.
    """
    digest = hashlib.sha256()
    with open_regular(path, limit_bytes=_LARGEST_HASHED_BYTES) as stream:
        left = os.fstat(stream.fileno()).st_size
        while block := stream.read(min(BLOCK_BYTES, left + 1)):
            left -= len(block)
            if left < 0:
                raise _endless(path)
            digest.update(block)
    return digest.hexdigest()


def read_bytes(path: Path, *, limit_bytes: int, kind: str) -> bytes:
    """Read a whole file, refusing one larger than `limit_bytes` before reading it.

    `kind` names the file in the error, as in "manifest".
    """
    try:
        with open_regular(path, kind=kind, limit_bytes=limit_bytes) as stream:
            size_bytes = os.fstat(stream.fileno()).st_size
            data = stream.read(size_bytes + 1) or b""
    except OSError as error:
        raise TopformerError(f"{path} cannot be read.", why=error.strerror or str(error)) from error
    if len(data) > size_bytes:
        raise _endless(path)
    return data


@contextmanager
def open_regular(
    path: Path, *, limit_bytes: int, kind: str = "regular file"
) -> Generator[BinaryIO]:
    """Open a file for reading; a FIFO, a device and all else that may block or not end is refused.

    Raises `TopformerError` for those and for a file larger than `limit_bytes`, and `OSError` for
    what is not there or may not be read.
    """
    try:
        found = path.stat()
    except ValueError as error:  # no system has such names, and documents do
        raise TopformerError(f"{path} cannot be a file's name.", why=f"{error}.") from error
    # Before it is opened, too: that alone makes some devices do something.
    _require_regular(path, found, kind)
    # A FIFO that came in between does not hold us up.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        found = os.fstat(stream.fileno())
        _require_regular(path, found, kind)
        if found.st_size > limit_bytes:
            raise TopformerError(
                f"{path} is too large to be a {kind}.",
                why=f"It has {found.st_size:,} bytes; the limit is {limit_bytes:,}.",
            )
        # The kernel's files claim no size, and some go on for terabytes.
        if found.st_size == 0 and stream.read(1):
            raise _endless(path)
        yield stream


def _require_regular(path: Path, found: os.stat_result, kind: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise TopformerError(
            f"{path} is not a file.",
            why=f"A {kind} was expected there, and it is {_describe(found.st_mode)}.",
        )


def _endless(path: Path) -> TopformerError:
    return TopformerError(
        f"{path} cannot be read.", why="It holds more than its size, as files do that never end."
    )


def _describe(mode: int) -> str:
    names = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return names.get(stat.S_IFMT(mode), "something else")


def fitting_name(stem: str, suffix: str) -> str:
    """Join stem and suffix to a name that file systems take: of a long stem, start and hash."""
    name = stem + suffix
    if len(os.fsencode(name)) <= LONGEST_NAME_BYTES:
        return name
    ending = f"-{sha256_bytes(os.fsencode(stem))[:12]}{suffix}"
    while len(os.fsencode(stem + ending)) > LONGEST_NAME_BYTES:
        stem = stem[:-1]
    return stem + ending


def ensure_writable_folder(folder: Path) -> None:
    """Try a folder, before long work whose results go there; nothing is left there.

    Raises `TopformerError` when it cannot be written to.
    """
    try:
        _try_folder(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def ensure_writable(path: Path) -> None:
    """Try a place for a file, before long work whose result goes there; nothing is left there.

    Raises `TopformerError` when nothing can be written there.
    """
    try:
        if not is_poured_into(path):
            target = Path(os.path.realpath(path))
            _try_folder(target.parent)
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(path, error) from error


def _try_folder(folder: Path) -> None:
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with temporary_file(folder) as path:
            path.write_bytes(bytes(BLOCK_BYTES))  # a disk may be full, too
    finally:
        for one in made:
            with suppress(OSError):  # somebody else uses it already
                one.rmdir()


def _unwritable(path: Path, error: OSError) -> TopformerError:
    return TopformerError(
        f"{path} cannot be written to.",
        why=error.strerror or str(error),
        next_step="Write to another place, or change what stands in the way.",
    )


def read_text(path: Path, *, limit_bytes: int, kind: str) -> str:
    """Read a file that a person wrote: UTF-8, with a byte order mark or without.

    Raises `TopformerError` as `read_bytes` does, and for any other encoding, which it names.
    """
    return decode_text(read_bytes(path, limit_bytes=limit_bytes, kind=kind), str(path))


@contextmanager
def atomic_path(path: Path) -> Generator[Path]:
    """Yield a temporary path; on success its content is at `path`, else it is removed.

    A regular file is replaced by a rename, also where `path` is a link to it or to nothing. The
    data is flushed to disk before, so a crash leaves the old file or the new one. A device or a
    FIFO stays what it is and gets the content; a folder, a socket or a disk is refused. Raises
    `OSError` that names `path`, or `TopformerError`.
    """
    try:
        with _poured(path) if is_poured_into(path) else _renamed(path) as temporary:
            yield temporary
    except OSError as error:
        raise naming(error, path) from error


def naming(error: OSError, path: Path) -> OSError:
    """Say of an error of a temporary file that it is one of `path`; others are as they were."""
    name = error.filename
    if name is not None and PREFIX not in os.fsdecode(name):
        return error  # of another file, which the caller reads
    return OSError(error.errno, error.strerror or str(error), str(path))


@contextmanager
def _renamed(path: Path) -> Generator[Path]:
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_file(target.parent) as temporary:
        yield temporary
        make_shareable(temporary)
        temporary.replace(target)


def make_shareable(temporary: Path) -> None:
    """Bring a temporary file or folder to the disk, as readable as the user's umask allows."""
    sync(temporary)
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod((0o777 if temporary.is_dir() else 0o666) & ~umask)


def sync(path: Path) -> None:
    """Let what was written to a file, or renamed in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _poured(path: Path) -> Generator[Path]:
    with temporary_folder() as folder:
        temporary = folder / "result"
        temporary.touch()
        yield temporary
        try:
            # Else this would wait until somebody reads the FIFO.
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            os.set_blocking(handle, True)
            with os.fdopen(handle, "wb") as stream, temporary.open("rb") as source:
                shutil.copyfileobj(source, stream)
        except OSError as error:
            if error.errno not in {errno.ENXIO, errno.EPIPE}:
                raise
            raise TopformerError(
                f"Nobody reads {path}.",
                why="It is a FIFO, which keeps nothing.",
                next_step="Start its reader first, or write to a file.",
            ) from error


def is_poured_into(path: Path) -> bool:
    """Whether something stands at `path` that takes bytes but must not be replaced.

    Raises `TopformerError` for what takes no result.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISREG(mode):
        return False
    if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        return True
    raise TopformerError(f"{path} cannot be written.", why=f"It is {_describe(mode)}.")


def atomic_write(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
