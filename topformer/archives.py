"""Zip archives from elsewhere: bounded before they are listed, and one error for all damage."""

import errno
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO

from topformer.errors import TopformerError

MOST_MEMBERS = 20_000
# Each member's entry in the directory begins with it, and takes some hundred bytes once it is read.
_ENTRY = b"PK\x01\x02"
_BLOCK_BYTES = 2**20
# zipfile unpacks others in whole blocks, however little a member is said to hold.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@contextmanager
def open_zip(stream: BinaryIO, *, called: str, most_bytes: int) -> Generator[zipfile.ZipFile]:
    """Open an archive whose members have at most `most_bytes` in all; `called` names it in errors.

    Raises `TopformerError` for whatever is wrong with it, also while its members are read.
    """
    try:
        if _count_entries(stream) > MOST_MEMBERS:
            raise TopformerError(f"{called} is an archive of more than {MOST_MEMBERS:,} members.")
        with zipfile.ZipFile(stream) as archive:
            size_bytes = sum(member.file_size for member in archive.infolist())
            if size_bytes > most_bytes:
                raise TopformerError(
                    f"{called} is too large.",
                    why=f"Unpacked it has {size_bytes:,} bytes; the limit is {most_bytes:,}.",
                )
            if any(member.compress_type not in _METHODS for member in archive.infolist()):
                raise TopformerError(
                    f"{called} is packed in a way that such archives never are.",
                    why="Its members must be stored or deflated.",
                )
            yield archive
    except TopformerError:
        raise
    except Exception as error:  # zipfile fails with a dozen others besides BadZipFile
        # A disk may fail, too. A place before the file's start is damage.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise TopformerError(
            f"{called} cannot be unpacked.",
            why=f"{str(error)[:200] or type(error).__name__}.",
            next_step="It is damaged, or no such archive: get it again.",
        ) from error


def _count_entries(stream: BinaryIO) -> int:
    count, end = 0, b""
    while block := stream.read(_BLOCK_BYTES):
        seen = end + block
        count += seen.count(_ENTRY)
        end = seen[1 - len(_ENTRY) :]
    return count
