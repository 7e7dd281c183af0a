"""Devices over adb: which there are, which are meant, and a link to one of them.

The program `adb` is called rather than its protocol spoken: users have it, and all share its
server. Its environment passes through (`ANDROID_ADB_SERVER_PORT`, `ANDROID_SERIAL`).
"""

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topformer.children import Conversation, Finished, run_bounded
from topformer.devices.links.client import explaining_limits, run_on_device
from topformer.devices.links.failures import (
    ADVICE,
    NAMELESS_ADVICE,
    OTHER_ADVICE,
    STATES,
    explain_adb,
)
from topformer.devices.links.link import (
    RUN_LIMIT_BYTES,
    RUN_TIMEOUT_S,
    TRANSFER_TIMEOUT_S,
    LinkKind,
)
from topformer.errors import TopformerError, UsageError

# The first that tells exit statuses and keeps stdout and stderr apart: platform-tools 24.
OLDEST_ADB = (1, 0, 36)
LISTING_TIMEOUT_S = 20.0
LISTING_LIMIT_BYTES = 2**16
_LINE_LIMIT = 2000
# What stands where a device tells no serial: by newer and older versions of adb, or nothing.
_NO_SERIAL = "(no serial number)"
_NAMELESS = re.compile(rf"{re.escape(_NO_SERIAL)}|\?+")
_BEGINS_WITH_STATE = re.compile(
    rf"\s*no permissions\b|\s+({'|'.join(STATES)})(\s+\w+:.*)?$", re.ASCII
)
# Lines of adb's own between those of devices: of its daemon, its server, and what went wrong.
_REMARK = re.compile(
    r"\*|- |List of devices|(adb(\.exe)?|error|warning):|(adb|daemon|server|cannot|could|failed)\s",
    re.IGNORECASE,
)
_VERSIONS_DIFFER = re.compile(
    r"adb server version \((\d{1,9})\) doesn't match this client \((\d{1,9})\)"
    r"|adb server is out of date"
)
# A serial may hold blanks (a service's second name has " (2)"), and the word of a state too: the
# first state after which only details are left counts. The serial is no option of adb's, and
# nothing that a terminal obeys.
_DEVICE_LINE = re.compile(
    rf"(?P<serial>[!-,.-~][ -~]{{0,199}}?)(?P<gap>\s+)"
    rf"(?P<state>no permissions\b|{'|'.join(STATES)})"
    r"(?P<rest>(?<=no permissions).*|\s+\w+:.*|)",
    re.ASCII,
)
# A state that this version does not know.
_OTHER_LINE = re.compile(
    r"(?P<serial>[!-,.-~][!-~]{0,199})(?P<gap>\s+)(?P<state>[a-z]{1,20})(?P<rest>\s+\w+:.*|)",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class ListedDevice:
    """A line of `adb devices -l`."""

    serial: str
    # "device" when it can be used; "unauthorized", "offline", "no permissions", ...
    state: str
    model: str | None

    @property
    def has_name(self) -> bool:
        """Whether its serial is one, by which adb can be told to use it."""
        return not _NAMELESS.fullmatch(self.serial)

    @property
    def advice(self) -> str:
        """What to do so that it can be used; empty when it can."""
        if self.state == "device":
            return "" if self.has_name else NAMELESS_ADVICE
        return ADVICE.get(self.state, OTHER_ADVICE)


class SeveralDevicesError(TopformerError):
    """There are several devices, and none was chosen."""


def find_adb() -> str:
    """Path of the adb program, `$ADB` first; raises `TopformerError` naming the package."""
    wanted = os.environ.get("ADB") or "adb"
    found = shutil.which(wanted)
    if found is None:
        raise TopformerError(
            f"The program {wanted!r} was not found.",
            why="Devices are reached through Android's adb.",
            next_step="Install Android's platform-tools (Debian: `apt install adb`).",
        )
    return found


def list_devices() -> list[ListedDevice]:
    """Ask adb for its devices; raises `TopformerError` when there is no adb that works."""
    adb = find_adb()
    version = parse_version(_ask(adb, "version").stdout)
    if version is None or version < OLDEST_ADB:
        shown = ".".join(map(str, version)) if version else "unknown"
        raise TopformerError(
            f"{adb} is too old.",
            why=f"Its version is {shown}; {'.'.join(map(str, OLDEST_ADB))} is needed.",
            next_step="Install a current version of Android's platform-tools.",
        )
    asked = _ask(adb, "devices", "-l")
    devices = parse_devices(asked.stdout)
    remark = _VERSIONS_DIFFER.search((asked.stderr + asked.stdout).decode(errors="replace"))
    if remark and not devices:
        # The server was killed and started anew, and had no time to find any.
        raise TopformerError(
            "adb's server was of another version, and its new one sees no device yet.",
            why=f"adb says: {remark[0]}.",
            next_step="Try again in a moment. If it says so each time, two versions of adb end "
            "each other's server: run `adb kill-server` with both, then set ADB to the path of "
            "the one that all programs should use.",
        )
    return devices


def _ask(adb: str, *arguments: str) -> Finished:
    with explaining_limits(
        "adb", arguments[0], timeout_s=LISTING_TIMEOUT_S, limit_bytes=LISTING_LIMIT_BYTES
    ):
        asked = run_bounded(
            [adb, *arguments], timeout_s=LISTING_TIMEOUT_S, limit_bytes=LISTING_LIMIT_BYTES
        )
    if asked.exit_status != 0:
        raise explain_adb(asked.stderr or asked.stdout, "adb")
    return asked


def parse_version(output: bytes) -> tuple[int, ...] | None:
    """Version of the protocol in what `adb version` prints, as in (1, 0, 41)."""
    found = re.search(rb"Android Debug Bridge version (\d{1,6})\.(\d{1,6})\.(\d{1,6})", output)
    return tuple(map(int, found.groups())) if found else None


def parse_devices(output: bytes) -> list[ListedDevice]:
    """Read what `adb devices` prints, with -l or without; other lines are passed over.

    Devices without a serial are all listed; of lines with one serial the last counts.
    """
    devices: dict[tuple[str, int], ListedDevice] = {}
    lines = output.decode(errors="replace").splitlines()
    for number, line in enumerate(map(str.rstrip, lines)):
        is_remark = len(line) > _LINE_LIMIT or _REMARK.match(line)
        start = f"{_NO_SERIAL} " if _BEGINS_WITH_STATE.match(line) else ""
        found = None if is_remark else _read_line(start + line.strip())
        if found is not None:
            devices[found.serial, 0 if found.has_name else number] = found
    return list(devices.values())


def _read_line(line: str) -> ListedDevice | None:
    known = _DEVICE_LINE.fullmatch(line)
    found = known or _OTHER_LINE.fullmatch(line)
    if found is None:
        return None
    serial = found["serial"]
    # What tells it from a sentence, where a serial without blanks before a known state does not:
    # adb lists details, or a tab as in its short form, or it is a service of the network.
    is_listed = found["rest"] or "\t" in found["gap"] or serial.rstrip(".").endswith("._tcp")
    is_plain = known and (" " not in serial or _NAMELESS.fullmatch(serial))
    if not (is_plain or is_listed):
        return None
    model = re.search(r"\bmodel:([\w.+-]{1,100})", found["rest"], re.ASCII)
    return ListedDevice(serial=serial, state=found["state"], model=model[1] if model else None)


def choose_devices(serial: str | None, *, all_devices: bool) -> list[ListedDevice]:
    """The devices that are meant: by serial, all, by `$ANDROID_SERIAL`, or the only one.

    With `all_devices` those that cannot be used are among them: `connect` says why. Raises
    `TopformerError` when there is none or it is not clear which, with the serials to choose from.
    """
    if serial and all_devices:
        raise UsageError("A serial and all devices exclude each other.")
    devices = list_devices()
    if not devices:
        raise TopformerError(
            "adb sees no device.",
            next_step="Connect one by USB, turn on USB debugging in its developer options, and "
            "look at `topformer devices`.",
        )
    # As they are typed in a shell: a serial may hold blanks.
    serials = (
        ", ".join(shlex.quote(device.serial) for device in devices if device.has_name)
        or "none: no device tells its serial number"
    )
    serial = serial or (None if all_devices else os.environ.get("ANDROID_SERIAL"))
    if serial:
        # One, though any number may go by the words that stand for no serial.
        chosen = [device for device in devices if device.serial == serial][:1]
        if not chosen:
            raise TopformerError(
                f"adb sees no device called {serial!r}.", next_step=f"Choose one of {serials}."
            )
        return chosen
    if len(devices) > 1 and not all_devices:
        raise SeveralDevicesError(
            f"adb sees {len(devices)} devices, and none was chosen.",
            next_step=f"Choose with --serial one of {serials}.",
        )
    return devices


def connect(device: ListedDevice) -> "AdbLink":
    """Make a link to a listed device; raises `TopformerError` when it cannot be used."""
    if device.advice:
        raise TopformerError(f"{device.serial} is {device.state}.", next_step=device.advice)
    return AdbLink(adb=find_adb(), serial=device.serial)


@dataclass(frozen=True, kw_only=True)
class AdbLink:
    """A device over adb, as a `Link`."""

    adb: str
    serial: str
    # The one folder where Android lets adb's user run programs.
    scratch_folder: str = "/data/local/tmp"

    @property
    def name(self) -> str:
        """The serial."""
        return self.serial

    @property
    def kind(self) -> LinkKind:
        """What reaches it."""
        return "adb"

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float = RUN_TIMEOUT_S,
        limit_bytes: int = RUN_LIMIT_BYTES,
    ) -> Finished:
        """Run a program to its end."""
        return run_on_device(
            lambda script: [self.adb, "-s", self.serial, "shell", script],
            argv,
            device=self.name,
            explain=lambda stderr: explain_adb(stderr, self.name),
            timeout_s=timeout_s,
            limit_bytes=limit_bytes,
        )

    def push(self, local: Path, remote: str) -> None:
        """Copy a file to the device."""
        pushed = self.transfer("push", str(local), remote)
        if pushed.exit_status != 0:
            raise explain_adb(pushed.stderr or pushed.stdout, self.name)

    def transfer(self, command: str, *arguments: str) -> Finished:
        """Run a command of adb's own that sends files; its exit status is for the caller."""
        with explaining_limits(
            self.name, command, timeout_s=TRANSFER_TIMEOUT_S, limit_bytes=RUN_LIMIT_BYTES
        ):
            return run_bounded(
                [self.adb, "-s", self.serial, command, *arguments],
                timeout_s=TRANSFER_TIMEOUT_S,
                limit_bytes=RUN_LIMIT_BYTES,
            )

    def start(self, argv: Sequence[str]) -> Conversation:
        """Start a program with pipes to it."""
        return Conversation([self.adb, "-s", self.serial, "shell", shlex.join(argv)])
