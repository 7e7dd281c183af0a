"""Temporary files and folders: locked by who uses them, so that the next run sweeps what is left.

A killed run leaves `.topformer-XXXXXXXX` or `.topformer-XXXXXXXX.part`. Each is locked (flock) as
long as its owner lives, and one that nobody has locked is removed. Where a file system knows no
locks, nothing is swept.

A folder `.topformer-set-NAME` is none of these: it is a set of files on its way into its place,
and is never removed but finished; see `topformer.sets`.
"""

import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

PREFIX = ".topformer-"
SET_PREFIX = f"{PREFIX}set-"
# As `tempfile` makes names.
_OURS = re.compile(rf"{re.escape(PREFIX)}[a-z0-9_]{{8}}(\.part)?")


@contextmanager
def temporary_file(folder: Path) -> Generator[Path]:
    """Make an empty private file in a folder; it is removed in the end, unless it was renamed."""
    sweep_once(folder)
    while True:
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=".part", dir=folder)
        path = Path(name)
        if _take(handle, path):
            break
        os.close(handle)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def temporary_folder(parent: Path | None = None) -> Generator[Path]:
    """Make a private folder, by default where the system keeps such; it is removed in the end.

    It may be renamed, and stays then.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    sweep_once(parent)
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        with suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            if _take(handle, path):
                break
            os.close(handle)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _take(handle: int, path: Path) -> bool:
    """Lock what was just made; false where somebody swept it away before."""
    with suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


@lru_cache(maxsize=1024)
def sweep_once(folder: Path) -> None:
    """Sweep a folder when this process first writes there: what is left is of runs before."""
    sweep(folder)


def sweep(folder: Path) -> None:
    """Remove what killed runs left in a folder, and finish what they had begun to put in place.

    What somebody uses, what belongs to another user, and what cannot be removed stays.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(PREFIX)]
        for path in map(folder.joinpath, names):
            with suppress(OSError):
                if path.lstat().st_uid != os.geteuid():
                    continue
                if path.name.startswith(SET_PREFIX):
                    move_out(path)
                elif _OURS.fullmatch(path.name):
                    _remove_unused(path)


def _remove_unused(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(handle)


def move_out(folder: Path) -> None:
    """Put each file of a set beside the set's folder, which is then gone; harmless without one.

    Others may do the same meanwhile. Raises `OSError` where a file cannot be put there.
    """
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):  # a link would lead elsewhere
            return
        drafts = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for draft in drafts:
        with suppress(FileNotFoundError):
            draft.replace(folder.parent / draft.name)
    with suppress(OSError):  # gone, or filled anew
        folder.rmdir()
