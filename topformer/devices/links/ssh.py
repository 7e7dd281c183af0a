"""ARM boards and other Linux machines over ssh, with the user's own ssh and its configuration."""

import re
import shlex
import shutil
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from topformer.children import Conversation, EndlessOutputError, Finished
from topformer.devices.links.client import run_on_device
from topformer.devices.links.link import (
    RUN_LIMIT_BYTES,
    RUN_TIMEOUT_S,
    TRANSFER_TIMEOUT_S,
    LinkKind,
    output_of,
    printable,
)
from topformer.errors import TopformerError, UsageError
from topformer.temporary import temporary_folder

PREFIX = "ssh:"
# Nothing is asked of the user, and a host that falls silent is given up after 15 s.
_OPTIONS = (
    "-T",
    "-oBatchMode=yes",
    "-oConnectTimeout=10",
    "-oServerAliveInterval=5",
    "-oServerAliveCountMax=3",
)
_SCRATCH_SCRIPT = (
    'umask 077; folder="${XDG_CACHE_HOME:-$HOME/.cache}/topformer"; '
    'mkdir -p "$folder" && cd "$folder" && pwd -P'
)
_MEANINGS = (
    ("Host key verification failed", "The host key of {host} is not known.",
     "Run `ssh {host}` once and compare the key."),
    ("Permission denied (", "{host} lets nobody in without a password.",
     "Set up a key for it: `ssh-copy-id {host}`."),
    ("Could not resolve hostname", "There is no host called {host}.",
     "Check the name, or write it into ~/.ssh/config."),
    ("Connection refused", "{host} has no ssh server.", "Start one there (`apt install "
     "openssh-server`)."),
    ("timed out", "{host} does not answer.", "Check that it is on and reachable."),
    ("No route to host", "{host} does not answer.", "Check that it is on and reachable."),
)  # fmt: skip


@contextmanager
def connect_ssh(device: str) -> Generator["SshLink"]:
    """Link to `ssh:HOST`, as ssh knows it; all that is asked shares a connection, which ends then.

    With one of its own a question takes about twice the time, and a quarter more of the processor
    there (over loopback), which would count as load of others. Raises `TopformerError` when nobody
    is there, and `UsageError` for what is no host.
    """
    host = device.removeprefix(PREFIX)
    if not re.fullmatch(r"[\w.@:%\[\]][\w.@:%\[\]-]{0,254}", host, re.ASCII):
        raise UsageError(
            f"{device!r} is no host.", next_step="Write ssh:HOST or ssh:USER@HOST, as ssh knows it."
        )
    ssh = shutil.which("ssh")
    if ssh is None:
        raise TopformerError(
            "The program 'ssh' was not found.",
            next_step="Install it: `apt install openssh-client`.",
        )
    with temporary_folder() as folder:
        link = SshLink(ssh=ssh, host=host, scratch_folder="/", socket=folder / "ssh")
        link = replace(link, scratch_folder=_make_scratch_folder(link))
        with closing(Conversation(link.sharing_command())) as shared:
            # Where there is none, each question makes its own.
            with suppress(OSError, EOFError, EndlessOutputError):
                shared.send(b"\n")
                shared.read_line(timeout_s=RUN_TIMEOUT_S)
            yield link


def _make_scratch_folder(link: "SshLink") -> str:
    found = output_of(link, ["sh", "-c", _SCRATCH_SCRIPT], what="Making a folder for our files")
    folder = found.decode(errors="replace").removesuffix("\n")
    if not re.fullmatch(r"/[^\n]{1,1000}", folder) or not folder.isprintable():
        raise TopformerError(
            f"The home folder of {link.host} cannot be used.", why=printable(found)
        )
    return folder


@dataclass(frozen=True, kw_only=True)
class SshLink:
    """A Linux machine over ssh, as a `Link`."""

    ssh: str
    host: str
    # In the user's cache on that machine, which nobody else can write to.
    scratch_folder: str
    # Where ssh finds the connection that is shared.
    socket: Path

    @property
    def name(self) -> str:
        """What the user calls it."""
        return f"{PREFIX}{self.host}"

    @property
    def kind(self) -> LinkKind:
        """What reaches it."""
        return "ssh"

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float = RUN_TIMEOUT_S,
        limit_bytes: int = RUN_LIMIT_BYTES,
    ) -> Finished:
        """Run a program to its end."""
        return self._run(argv, timeout_s=timeout_s, limit_bytes=limit_bytes, stdin=None)

    def push(self, local: Path, remote: str) -> None:
        """Copy a file to the machine, through the pipe: sftp is not everywhere."""
        argv = ["sh", "-c", f"umask 077; cat > {shlex.quote(remote)}"]
        copied = self._run(
            argv, timeout_s=TRANSFER_TIMEOUT_S, limit_bytes=RUN_LIMIT_BYTES, stdin=local
        )
        if copied.exit_status != 0:
            said = printable(copied.stderr)
            if "No space left" in said:
                raise TopformerError(
                    f"{self.host} is full.", why=said, next_step="Make room on it."
                )
            raise TopformerError(
                f"{self.host} did not take {remote}.",
                why=said,
                next_step=f"Look with `ssh {self.host}` why it cannot be written.",
            )

    def start(self, argv: Sequence[str]) -> Conversation:
        """Start a program with pipes to it."""
        return Conversation(self._command(shlex.join(argv)))

    def _run(
        self, argv: Sequence[str], *, timeout_s: float, limit_bytes: int, stdin: Path | None
    ) -> Finished:
        return run_on_device(
            self._command,
            argv,
            device=self.name,
            explain=self._explain,
            timeout_s=timeout_s,
            limit_bytes=limit_bytes,
            stdin=stdin,
        )

    def sharing_command(self) -> list[str]:
        """Make the command that keeps a connection open until its input ends."""
        sharing = ("-M", "-oControlPersist=no")
        return [self.ssh, *_OPTIONS, *sharing, *self._socket(), "--", self.host, "exec cat"]

    def _command(self, script: str) -> list[str]:
        # The user's login shell there may be any; every one of them understands this.
        told = f"exec sh -c {shlex.quote(script)}"
        sharing = ("-oControlMaster=no", *self._socket())
        return [self.ssh, *_OPTIONS, *sharing, "--", self.host, told]

    def _socket(self) -> tuple[str, str]:
        return "-S", str(self.socket).replace("%", "%%")

    def _explain(self, output: bytes) -> TopformerError:
        said = printable(output)
        for pattern, meaning, next_step in _MEANINGS:
            if pattern in said:
                return TopformerError(
                    meaning.format(host=self.host),
                    why=said,
                    next_step=next_step.format(host=self.host),
                )
        return TopformerError(
            f"{self.name} was lost in the middle of an answer.",
            why=said or "ssh ended without an error.",
            next_step=f"Check with `ssh {self.host} true`.",
        )
