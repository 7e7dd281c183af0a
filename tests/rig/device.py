"""One emulated device: Debian's adbd in a root of its own, and the faults that tests ask for."""

import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rig.namespace import Namespace, processes
from topformer.errors import TopformerError

WAIT_TIMEOUT_S = 30
STORAGE_BYTES = 2**30
STORAGE = "data/local/tmp"
# adbd gets nothing from this machine's environment, and hands this on to the shells that it starts.
ENVIRONMENT = ("PATH=/bin:/sbin", "HOME=/", "TMPDIR=/data/local/tmp", "ANDROID_DATA=/data")

# The mounts of one device. Real device nodes cannot be made in a user namespace, only bound.
MAKE_DEVICE = f"""\
set -e
cp -a "$1" "$2"
cd "$2"
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do
  touch dev/$name
  mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t proc proc proc
mount --bind fixtures/cpuinfo proc/cpuinfo
mount -t tmpfs -o mode=771,size={STORAGE_BYTES} storage {STORAGE}
"""
START_DAEMON = (
    'ADBD=$1 PORT=$2; shift 2; setsid chroot "$ADBD" /bin/env -i ADBD_PORT="$PORT" "$@"'
    ' /sbin/adbd >"$ADBD/fixtures/adbd.log" 2>&1 </dev/null &'
)
REMOVE_DEVICE = 'umount --recursive --lazy "$1/dev" "$1/proc" "$1/data/local/tmp"; rm -r "$1"'


@dataclass(frozen=True, kw_only=True)
class DeviceProcess:
    """A process of the device."""

    # On this machine; the device counts its own.
    pid: int
    # Of the emulated program, its name first.
    command: tuple[str, ...]


class Device:
    """A device that is reached at `serial` from beside its namespace.

    Everything on it runs as root, as on a phone after `adb root`.
    """

    def __init__(self, namespace: Namespace, *, image: Path, name: str, port: int) -> None:
        self._namespace = namespace
        self._port = port
        self._inside = namespace.inside / name
        self.serial = f"127.0.0.1:{port}"
        # The device's files, seen from outside.
        self.root = namespace.folder / name
        namespace.enter(["sh", "-c", MAKE_DEVICE, "sh", image, self._inside])
        self.start()

    def start(self) -> None:
        """Start adbd, and wait until it listens."""
        self._namespace.enter(
            ["sh", "-c", START_DAEMON, "sh", self._inside, str(self._port), *ENVIRONMENT]
        )
        wait_until("adbd listens", self._listens)

    def _listens(self) -> bool:
        address = f":{self._port:04X} "
        tables = [Path(f"/proc/{pid}/net/tcp") for pid in self._daemons()]
        tables += [table.with_name("tcp6") for table in tables]
        lines: list[str] = []
        for table in tables:
            # One that has just ended has none.
            with suppress(OSError):
                lines += table.read_text().splitlines()[1:]
        # State 0A is LISTEN.
        return any(address in line and line.split()[3] == "0A" for line in lines)

    def processes(self) -> list[DeviceProcess]:
        """All that runs on the device but adbd."""
        daemons = self._daemons()
        return [process for process in self._all() if process.pid not in daemons]

    def kill_daemon(self) -> None:
        """Kill adbd as a crash or a pulled cable would; what it had started goes on."""
        self._signal(signal.SIGKILL)
        wait_until("adbd is gone", lambda: not self._daemons())

    @contextmanager
    def hanging(self) -> Generator[None]:
        """Stop adbd for a while: connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    @contextmanager
    def storage_of(self, size_bytes: int) -> Generator[None]:
        """Let /data/local/tmp hold no more than this for a while."""
        self._resize(size_bytes)
        try:
            yield
        finally:
            self._resize(STORAGE_BYTES)

    @contextmanager
    def without(self, path: str) -> Generator[None]:
        """Hide a file or folder for a while, such as `sys/devices/system/cpu`."""
        hidden = self.root / "fixtures" / f"hidden-{path.replace('/', '-')}"
        (self.root / path).rename(hidden)
        try:
            yield
        finally:
            hidden.rename(self.root / path)

    @contextmanager
    def replaced(self, path: str, data: bytes) -> Generator[None]:
        """Put other bytes into a file or program for a while, such as ones that print garbage."""
        file = self.root / path
        if file.is_symlink():
            # A name of toybox: all its other names stay.
            original = file.rename(file.with_name(f".{file.name}.hidden"))
            file.touch(mode=0o755)
            file.write_bytes(data)
            try:
                yield
            finally:
                original.replace(file)
            return
        # In place, because /proc/cpuinfo is a mount.
        text = file.read_bytes()
        file.write_bytes(data)
        try:
            yield
        finally:
            file.write_bytes(text)

    def stop(self) -> None:
        """End all that runs on the device, and remove it."""
        for process in self._all():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        wait_until("all processes of the device are gone", lambda: not self._all())
        self._namespace.enter(["sh", "-c", REMOVE_DEVICE, "sh", self._inside])

    def _resize(self, size_bytes: int) -> None:
        # With its name and type, or mount would look it up in /proc, which is the outer one.
        named = ["mount", "-t", "tmpfs", "-o", f"remount,size={size_bytes}", "storage"]
        self._namespace.enter([*named, self._inside / STORAGE])

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._daemons():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _daemons(self) -> set[int]:
        return {process.pid for process in self._all() if process.command[0] == "/sbin/adbd"}

    def _all(self) -> list[DeviceProcess]:
        root = self.root.stat()
        found: list[DeviceProcess] = []
        for path in processes():
            with suppress(OSError):
                theirs = (path / "root").stat()
                words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
                if (theirs.st_dev, theirs.st_ino) == (root.st_dev, root.st_ino) and words:
                    found.append(DeviceProcess(pid=int(path.name), command=_emulated(words)))
        return found


def _emulated(words: list[str]) -> tuple[str, ...]:
    """Return the emulated command of a process; its command line begins with the emulator's own."""
    if words[0] != "/emulator/loader" or "-cpu" not in words:
        return tuple(words)
    rest = words[words.index("-cpu") + 2 :]
    # An option and its value each, until the program; `-0 NAME` is the name it was called by.
    while rest and rest[0] in {"-0", "-plugin"}:
        rest = rest[2:]
    return tuple(rest) or tuple(words)


def wait_until(what: str, holds: Callable[[], bool], *, timeout_s: float = WAIT_TIMEOUT_S) -> None:
    """Wait until something holds; raises `TopformerError` when it takes too long."""
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline_s:
            raise TopformerError(f"Waited {timeout_s:g} s in the rig until {what}, in vain.")
        time.sleep(0.05)
