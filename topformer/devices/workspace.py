"""A private folder on a device: what is put there is checked, and nothing of it outlives the bench.

Ending a client does not end the program it started on the device. Every program of ours has the
folder's random name in its command line, and is found and killed by it: also the children of a
wrapper, and also after a client was killed.

A keeper, a shell that waits for this end to go, shows who finds the folder that it is in use. One
without a keeper is what a killed bench or a lost connection left: the next bench sweeps it.
"""

import re
import shlex
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from topformer.children import Conversation, EndlessOutputError
from topformer.devices.links.link import Link, new_token, output_of
from topformer.errors import TopformerError
from topformer.files import sha256_file
from topformer.interrupts import ctrl_c_held
from topformer.text import printable

_HASHES_LIMIT_BYTES = 2**16
_HASH_TIMEOUT_S = 120.0
_KILL_TIMEOUT_S = 20.0
_KEEPER_TIMEOUT_S = 30.0
# The keeper's own command line must not hold the folder's name, by which programs are killed.
_KEEP = 'mkdir -m 700 "$1/topformer-$2" && echo made && read -r line'
# Folders whose keeper is gone. The first letter in brackets keeps this script from finding itself.
_FIND_UNKEPT = (
    'for folder in "$0"/topformer-????????????????; do token=${folder##*/topformer-}; '
    "case $token in *[!0-9a-f]*) continue;; esac; "
    '[ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ] || continue; '
    'grep -l "[t]opformer-keeper-$token" /proc/[0-9]*/cmdline >/dev/null 2>&1 || '
    'echo "$folder"; done; true'
)


@dataclass(frozen=True, kw_only=True)
class DeviceProgram:
    """A program that runs on a device, and the pipes to it."""

    conversation: Conversation
    # Where its number is written on the device.
    pid_file: str


@dataclass(kw_only=True)
class Workspace:
    """The folder; from `open_workspace`."""

    link: Link
    folder: str
    _placed: dict[str, str] = field(default_factory=dict[str, str])
    _named: int = 0

    def path(self, name: str) -> str:
        """Where a file of this name lies on the device."""
        return f"{self.folder}/{name}"

    def new_path(self, name: str) -> str:
        """Where a file that nothing else is called after may lie."""
        self._named += 1
        return self.path(f"{name}-{self._named}")

    def place(self, local: Path, name: str) -> str:
        """Copy a file to the device, once, and return where; raises when it arrives damaged."""
        sha256 = sha256_file(local)
        remote = self.path(name)
        if self._placed.get(remote) != sha256:
            self.link.push(local, remote)
            check_hashes(self.link, {remote: sha256})
            self._placed[remote] = sha256
        return remote

    def start(self, argv: Sequence[str]) -> DeviceProgram:
        """Start a program; the caller kills its conversation, `close` what is on the device.

        Its command line must hold a path in the folder, by which it is found.
        """
        assert any(self.folder in word for word in argv)
        pid_file = self.new_path("pid")
        script = f"echo $$ > {shlex.quote(pid_file)}; exec {shlex.join(argv)}"
        conversation = self.link.start(["sh", "-c", script])
        return DeviceProgram(conversation=conversation, pid_file=pid_file)

    def kill_programs(self) -> None:
        """Kill every program of ours on the device; raises when one goes on."""
        # The first letter in brackets keeps this script from finding itself.
        name = Path(self.folder).name
        pattern = shlex.quote(f"[{name[0]}]{name[1:]}")
        script = (
            f"ours() {{ grep -l {pattern} /proc/[0-9]*/cmdline 2>/dev/null; }}; "
            "for round in 1 2 3 4 5 6 7 8 9; do found=$(ours); "
            '[ -z "$found" ] && exit 0; '
            'for file in $found; do file=${file#/proc/}; kill -9 "${file%/cmdline}"; done; '
            "sleep 0.2; done; exit 1"
        )
        output_of(
            self.link, ["sh", "-c", script], what="Ending our programs", timeout_s=_KILL_TIMEOUT_S
        )

    def close(self) -> None:
        """Kill what runs and remove the folder; raises when that is not possible."""
        self.kill_programs()
        output_of(self.link, ["rm", "-rf", self.folder], what=f"Removing {self.folder}")


def check_hashes(link: Link, expected: dict[str, str]) -> None:
    """Hash files on the device; raises `TopformerError` naming one that is something else."""
    found = device_hashes(link, list(expected))
    for path, sha256 in expected.items():
        if found.get(path) != sha256:
            raise TopformerError(
                f"{path} on {link.name} is not what was sent.",
                why=f"Its SHA-256 is {found.get(path, 'unknown')}, {sha256} was expected.",
                next_step="Check the cable and the space left on the device, then try again.",
            )


def device_hashes(link: Link, paths: Sequence[str]) -> dict[str, str]:
    """SHA-256 of files on the device, by path; those that are not there are left out."""
    finished = link.run(
        ["sha256sum", *paths], timeout_s=_HASH_TIMEOUT_S, limit_bytes=_HASHES_LIMIT_BYTES
    )
    if finished.exit_status == 127:
        raise TopformerError(
            f"{link.name} has no program `sha256sum`.",
            why="Without it nothing that is run there can be checked.",
        )
    text = finished.stdout.decode(errors="replace")
    found = re.findall(r"^([0-9a-f]{64}) [ *](.{1,4096})$", text, re.MULTILINE)
    return {path: sha256 for sha256, path in found}


def sweep_workspaces(link: Link) -> None:
    """Remove folders on a device whose benches were killed or lost it, and end what runs there."""
    said = link.run(["sh", "-c", _FIND_UNKEPT, link.scratch_folder]).stdout
    left = re.compile(re.escape(link.scratch_folder.encode()) + rb"/topformer-[0-9a-f]{16}")
    for folder in filter(left.fullmatch, said.splitlines()):
        with suppress(TopformerError):  # another bench is as fast, or it will be tried again
            Workspace(link=link, folder=folder.decode()).close()


@contextmanager
def _kept_folder(link: Link) -> Generator[str]:
    """Make a folder with a keeper, which ends with this process."""
    token = new_token()
    keeper: Conversation | None = None
    try:
        with ctrl_c_held():
            keeper = link.start(
                ["sh", "-c", _KEEP, f"topformer-keeper-{token}", link.scratch_folder, token]
            )
        folder = f"{link.scratch_folder}/topformer-{token}"
        try:
            keeper.read_line(timeout_s=_KEEPER_TIMEOUT_S)
        except (TimeoutError, EOFError, EndlessOutputError) as error:
            keeper.exit_status()  # what it said of its end is there then
            raise TopformerError(
                f"Making {folder} failed on {link.name}.",
                why=printable(keeper.stderr_tail(), lines=True),
            ) from error
        yield folder
    finally:
        if keeper is not None:
            _let_go(keeper)


def _let_go(keeper: Conversation) -> None:
    """End a keeper, on the device first: killing this end alone leaves it there for a moment."""
    with ctrl_c_held(), suppress(OSError):
        keeper.send(b"\n")
        keeper.exit_status()
    keeper.kill()


@contextmanager
def open_workspace(link: Link, *, on_left: Callable[[str], None]) -> Generator[Workspace]:
    """Make a private folder on a device; gone when the context ends, with all that runs from it.

    What earlier benches left there is removed first. `on_left` is told what is left behind where
    the device does not let us clean up; the next bench does.
    """
    sweep_workspaces(link)
    with _kept_folder(link) as folder:
        workspace = Workspace(link=link, folder=folder)
        try:
            yield workspace
        finally:
            try:
                # A second one waits: cleaning up ends soon, whatever the device does.
                with ctrl_c_held():
                    workspace.close()
            except TopformerError as error:
                on_left(
                    f"{link.name} could not be cleaned up ({error.what.rstrip('.')}): {folder}, "
                    "and a program that runs from it, may be left there until the next bench."
                )
