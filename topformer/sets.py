"""Sets of files that belong together, as a model and its manifest: all of them new, or all old.

    OUT/.topformer-XXXXXXXX/   the new files are written here
    OUT/.topformer-set-NAME/   one rename: from here on they count
    OUT/NAME.pte, NAME.json    moved out, one after the other

A run that is killed before the rename has changed nothing. One that is killed after it has left
the new set whole, and whoever opens the set next, or sweeps the folder, moves out what is left.
"""

import errno
import os
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from topformer.errors import TopformerError
from topformer.files import (
    atomic_path,
    fitting_name,
    is_poured_into,
    make_shareable,
    naming,
    sync,
)
from topformer.interrupts import ctrl_c_held
from topformer.temporary import SET_PREFIX, move_out, temporary_folder

# Other writers of the same set may be faster each time, but hardly so often.
_ATTEMPTS = 100


@contextmanager
def atomic_set(*paths: Path) -> Generator[tuple[Path, ...]]:
    """Yield temporary paths; on success their contents are at `paths`, all at once, else nowhere.

    The set is found by the stem of its first file. Files in several folders, devices and FIFOs make
    no set: they are written one after the other, as `atomic_path` does. Raises `OSError`, or
    `TopformerError` where something stands in the way.
    """
    targets = [Path(os.path.realpath(path)) for path in paths]
    folders = {target.parent for target in targets}
    poured = [path for path in paths if is_poured_into(path)]
    if poured or len(folders) > 1:
        with ExitStack() as stack:
            yield tuple(stack.enter_context(atomic_path(path)) for path in paths)
        return
    folder = folders.pop()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder) as scratch:
            drafts = tuple(scratch / target.name for target in targets)
            yield drafts
            for draft in drafts:
                make_shareable(draft)
            with ctrl_c_held():
                _commit(scratch, _folder_of(targets[0]))
    except OSError as error:
        raise naming(error, paths[0]) from error


def write_set(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together; see `atomic_set`."""
    with atomic_set(*contents) as drafts:
        for draft, content in zip(drafts, contents.values(), strict=True):
            draft.write_bytes(content)


def finish_set(path: Path) -> None:
    """Put a set in its place that a killed run left on the way; `path` is its first file.

    To be called before the set is read. Raises `TopformerError` where that may not be written.
    """
    try:
        move_out(_folder_of(Path(os.path.realpath(path))))
    except OSError as error:
        raise TopformerError(
            f"{path} and what belongs to it are only half in their place.",
            why=f"A run was killed as it put them there, and what is left to do cannot be done: "
            f"{error.strerror or error}.",
            next_step="Open it once as a user who may write in its folder.",
        ) from error


def _folder_of(first: Path) -> Path:
    return first.parent / fitting_name(f"{SET_PREFIX}{first.stem}", "")


def _commit(scratch: Path, committed: Path) -> None:
    """Let the files in `scratch` count, and put them in their places."""
    make_shareable(scratch)
    for _ in range(_ATTEMPTS):
        try:
            scratch.rename(committed)
            break
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            move_out(committed)  # an earlier set, which this one follows
    else:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(committed))
    sync(committed.parent)
    move_out(committed)
    sync(committed.parent)
