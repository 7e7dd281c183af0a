"""A world of its own for devices: users, mounts, network and processes.

It ends with its first process, which waits for the end of its input: for stop(), or for the death
of whoever started it. The kernel then kills every other process inside and drops all mounts.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Timer

from topformer.errors import TopformerError

START_TIMEOUT_S = 20
ENTER_TIMEOUT_S = 60

# An ELF file for aarch64, as qemu's own registration has it. `P` passes the first argument on. The
# kernel keeps such entries apart for each user namespace since Linux 6.7.
HEADER = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
REGISTRATION = f":aarch64:M::{HEADER}:{MASK}:/emulator/emulator:P"

FIRST_PROCESS = f"""\
set -e
ip link set lo up
mount -t tmpfs -o mode=755 rig "$1"
# A phone on this machine's USB is none of the devices here.
if [ -d /dev/bus/usb ]; then mount -t tmpfs usb /dev/bus/usb; fi
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf %s {shlex.quote(REGISTRATION)} >/proc/sys/fs/binfmt_misc/register
read -r pid rest </proc/self/stat
echo "$pid"
# Not the last command, which the shell would become: it has to collect the dead of the devices.
cat
exit
"""


class Namespace:
    """One such world, with an empty folder `mounts` in memory."""

    def __init__(self, mounts: Path) -> None:
        """Start it; raises `TopformerError` where the kernel or a container does not allow it."""
        self._mounts = mounts
        self._process = subprocess.Popen(
            ["unshare", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child",
             "sh", "-c", FIRST_PROCESS, "sh", mounts],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            # Ctrl-C is for the command that is run beside the devices, not for them.
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        # Without one, a mount that hangs would hang the tests.
        timer = Timer(START_TIMEOUT_S, self._process.kill)
        timer.start()
        answer = self._process.stdout.readline().strip()
        timer.cancel()
        if not answer.isdigit():
            self._process.kill()
            raise TopformerError(
                "The rig cannot start.",
                why=self._process.communicate()[1].decode(errors="replace").strip(),
                next_step="It needs Linux 6.7 or newer, binfmt_misc, and leave to make namespaces:"
                " run it as root, in a container with --privileged.",
            )
        self._pid = int(answer)
        self._network = Path(f"/proc/{self._pid}/ns/net").stat().st_ino

    @property
    def folder(self) -> Path:
        """The folder in memory, seen from outside."""
        return Path(f"/proc/{self._pid}/root{self._mounts}")

    @property
    def inside(self) -> Path:
        """The same folder, as commands inside name it."""
        return self._mounts

    def beside(self, command: Sequence[str | Path]) -> list[str | Path]:
        """Wrap a command so that it sees the network of the devices, and all else as outside."""
        # Root needs no mapped users, which would hide who owns what from the command.
        user = [] if os.geteuid() == 0 else [f"--user=/proc/{self._pid}/ns/user"]
        return ["nsenter", "--preserve-credentials", *user, f"--net=/proc/{self._pid}/ns/net",
                *command]  # fmt: skip

    def enter(self, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> str:
        """Run a command inside and return its output; raises `TopformerError` when it fails."""
        done = subprocess.run(
            ["nsenter", "--preserve-credentials", f"--target={self._pid}",
             "--user", "--mount", "--net", "--pid", *command],
            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=ENTER_TIMEOUT_S, env=env, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise TopformerError(f"{command[0]} failed in the rig.", why=done.stdout.strip())
        return done.stdout

    def stop(self) -> None:
        """End every process inside, and those outside that still use its network."""
        for process in processes():
            with suppress(OSError):
                if process.joinpath("ns/net").stat().st_ino == self._network:
                    os.kill(int(process.name), signal.SIGKILL)
        self._process.communicate()


def processes() -> list[Path]:
    """List all processes of this machine, as folders of /proc."""
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]
