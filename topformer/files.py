"""Files in and out: hashes, size limits, encodings, and writes that are whole or absent."""

import codecs
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


def read_text(path: Path, *, limit_bytes: int, kind: str) -> str:
    """Read a file that a person wrote: UTF-8, with a byte order mark or without.

    Raises `TopformerError` as `read_bytes` does, and for any other encoding, which it names.
    """
    return decode_text(read_bytes(path, limit_bytes=limit_bytes, kind=kind), str(path))


def decode_text(data: bytes, origin: str) -> str:
    """Decode what a person wrote in UTF-8; a byte order mark is left out.

    `origin` names the text in the error, which names the encoding it seems to be in.
    """
    wide = _wide_encoding(data)
    if wide:
        raise _not_utf8(
            origin,
            f"It is {wide}, as Windows PowerShell writes with > and Notepad with 'Unicode'.",
        )
    try:
        return data.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        alone = _is_alone(data, error.start)
        guess = "Latin-1 or Windows-1252" if alone else "GBK, Shift-JIS or Windows-1251"
        raise _not_utf8(
            origin,
            f"Line {line} holds the byte 0x{data[error.start]:02X} where UTF-8 has none; "
            f"an encoding such as {guess} does.",
        ) from error


def _not_utf8(origin: str, why: str) -> TopformerError:
    return TopformerError(
        f"{origin} is not UTF-8.",
        why=why,
        next_step="Save it as UTF-8: editors have that under 'Save as' or 'Encoding', "
        "PowerShell as `... | Out-File -Encoding utf8 FILE`.",
    )


def _wide_encoding(data: bytes) -> str:
    """Name UTF-32 or UTF-16, by the mark or by the zeros between ASCII; empty for neither."""
    # UTF-32's mark begins with UTF-16's.
    marks = (
        (codecs.BOM_UTF32_LE, "UTF-32 (little-endian)"),
        (codecs.BOM_UTF32_BE, "UTF-32 (big-endian)"),
        (codecs.BOM_UTF16_LE, "UTF-16 (little-endian)"),
        (codecs.BOM_UTF16_BE, "UTF-16 (big-endian)"),
    )
    for mark, name in marks:
        if data.startswith(mark):
            return name
    # No text has zeros. Without a mark, the first character is ASCII in all that is read here.
    unmarked = {
        "x000": "UTF-32 (little-endian)",
        "000x": "UTF-32 (big-endian)",
        "x0x0": "UTF-16 (little-endian)",
        "0x0x": "UTF-16 (big-endian)",
    }
    return unmarked.get("".join("x" if byte else "0" for byte in data[:4]), "")


def _is_alone(data: bytes, place: int) -> bool:
    """Whether a byte beyond ASCII stands between ASCII: one letter of a Western word."""
    before, after = data[max(0, place - 1) : place], data[place + 1 : place + 2]
    return before.isascii() and after.isascii()


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
