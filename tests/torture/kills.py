"""Run something in a fork of this process, and kill it (SIGKILL) just before a file operation.

Operations are those that Python tells of (`sys.addaudithook`): files opened to be written, renamed,
removed, locked, folders made and removed, modes changed; and fsync, os.write and the middle of
`Path.write_bytes`, which are wrapped. What is not seen: single writes inside a file object or a
library in C. All of ours go into temporary files, where half is as good as all or nothing; but for
lines that are appended to a log.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events with the path that they change first, beside "open".
CHANGES = {
    "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "os.link",
    "os.symlink",
}  # fmt: skip
LOCKS = {"fcntl.flock", "fcntl.lockf"}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How it ended, and what it said."""

    killed: bool
    exit_status: int
    said: str


class _Counter:
    """Counts operations below a folder, and kills this process at one of them."""

    def __init__(self, root: Path, kill_at: int) -> None:
        self.root, self.left = str(root), kill_at

    def hook(self, event: str, arguments: tuple) -> None:
        if event in LOCKS:
            self.count()
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path, _, flags = arguments
            if flags & WRITING and self._is_below(path):
                self.count()
        elif event in CHANGES and self._is_below(arguments[0]):
            self.count()

    def _is_below(self, path) -> bool:
        if isinstance(path, int):
            return False
        return os.path.abspath(os.fsdecode(path)).startswith(self.root)  # noqa: PTH100

    def count(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


def _watch(counter: _Counter) -> None:
    fsync, write = os.fsync, os.write

    def counted_fsync(handle):
        counter.count()
        fsync(handle)

    def counted_write(handle, data):
        counter.count()
        return write(handle, data)

    def torn_write(path, data):
        with path.open("wb") as stream:
            stream.write(data[: len(data) // 2])
            stream.flush()
            counter.count()
            return stream.write(data[len(data) // 2 :])

    os.fsync, os.write, Path.write_bytes = counted_fsync, counted_write, torn_write
    sys.addaudithook(counter.hook)


def run_killed(command: Callable[[], None], *, root: Path, kill_at: int = -1) -> Ended:
    """Fork, go into the folder `root`, run `command`, and kill it at an operation, by its number.

    A negative number kills nothing. What ends by itself was not killed: it has fewer operations.
    """
    log = root.parent / f"{root.name}.log"
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 99
        try:
            handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            os.chdir(root)
            _watch(_Counter(root, kill_at))
            command()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    said = log.read_text(errors="replace")
    killed = os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL
    return Ended(killed=killed, exit_status=os.waitstatus_to_exitcode(ended), said=said)
