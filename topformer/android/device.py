"""The app on a device: installed and started through adb."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topformer.devices.links.adb import AdbLink
from topformer.devices.links.failures import explain_adb
from topformer.devices.links.link import output_of, printable
from topformer.errors import TopformerError, UsageError

PACKAGE = "io.topformer.demo"
ACTIVITY = f"{PACKAGE}/.MainActivity"
BENCH_ACTIVITY = f"{PACKAGE}/.BenchActivity"
# Its own process, so that the screen's model has no share in it.
BENCH_PROCESS = f"{PACKAGE}:bench"
# The app's folder on the shared storage, which adb's user may read.
BENCH_FOLDER = f"/sdcard/Android/data/{PACKAGE}/files/bench"
DUMP_LIMIT_BYTES = 2**22

# What Android's package manager answers, and what helps.
_REFUSALS = {
    "INSTALL_FAILED_UPDATE_INCOMPATIBLE": "It is installed with another signature: remove it with "
    f"`adb uninstall {PACKAGE}`, then try again.",
    "INSTALL_FAILED_VERSION_DOWNGRADE": "A newer one is installed: remove it with "
    f"`adb uninstall {PACKAGE}`, then try again.",
    "INSTALL_FAILED_NO_MATCHING_ABIS": "The device is neither arm64-v8a nor x86_64: it cannot run "
    "the app.",
    "INSTALL_FAILED_OLDER_SDK": "Its Android is too old for the app.",
    "INSTALL_FAILED_INSUFFICIENT_STORAGE": "Make room on it.",
    "INSTALL_FAILED_USER_RESTRICTED": "Allow installing over USB in its developer options, and "
    "agree on its screen.",
    "INSTALL_PARSE_FAILED": "The file is no APK, or not a whole one: build it again.",
}


@dataclass(frozen=True, kw_only=True)
class InstalledApp:
    """What a device says of the app on it."""

    version: str | None
    # A debug build, whose code Android hardly optimises.
    is_debuggable: bool


def install_app(link: AdbLink, apk: Path) -> None:
    """Install an APK, over an older one; raises `TopformerError` with what to do when refused."""
    if not apk.is_file():
        raise UsageError(
            f"There is no APK {apk}.", next_step="Build it with `topformer app build`."
        )
    done = link.transfer("install", "-r", str(apk.resolve()))
    said = printable(done.stdout + done.stderr)
    # Some versions of adb end with 0 when the device refuses.
    if done.exit_status == 0 and "Failure" not in said:
        return
    for refusal, next_step in _REFUSALS.items():
        if refusal in said:
            raise TopformerError(f"{link.name} refuses the app.", why=refusal, next_step=next_step)
    if "INSTALL_" in said:
        raise TopformerError(f"{link.name} refuses the app.", why=said)
    raise explain_adb(done.stderr or done.stdout, link.name)


def start_app(link: AdbLink) -> None:
    """Bring the app to the front; raises `TopformerError` when it does not start."""
    said = _start(link, ["-W", "-n", ACTIVITY])
    if "Status: ok" not in said:
        raise TopformerError(f"The app does not start on {link.name}.", why=said)


def start_bench(
    link: AdbLink, *, name: str, model: str, threads: int, warmups: int, samples: int
) -> str:
    """Let the app measure one of its models; returns the path of the document that it will write.

    Raises `TopformerError` when the app does not start.
    """
    extras = ["--es", "bench", name, "--es", "model", model]
    for extra, value in (("threads", threads), ("warmups", warmups), ("samples", samples)):
        extras += ["--ei", extra, str(value)]
    # The screen of the measurement before is not kept.
    _start(link, ["--activity-clear-task", "-n", BENCH_ACTIVITY, *extras])
    return f"{BENCH_FOLDER}/{name}.json"


def stop_app(link: AdbLink) -> None:
    """End all of the app that runs; harmless where nothing does."""
    output_of(link, ["am", "force-stop", PACKAGE], what="Stopping the app")


def find_installed(link: AdbLink) -> InstalledApp:
    """Look at the app on the device; what the device does not tell is None, or false."""
    dumped = link.run(["dumpsys", "package", PACKAGE], limit_bytes=DUMP_LIMIT_BYTES).stdout
    version = re.search(rb"^\s*versionName=([\w.+-]{1,50})\s*$", dumped, re.MULTILINE)
    flags = re.search(rb"^\s*(?:pkgFlags|flags)=\[ ([A-Z_ ]*)\]", dumped, re.MULTILINE)
    return InstalledApp(
        version=version[1].decode() if version else None,
        is_debuggable=flags is not None and b"DEBUGGABLE" in flags[1].split(),
    )


def _start(link: AdbLink, arguments: Sequence[str]) -> str:
    started = link.run(["am", "start", *arguments])
    said = printable(started.stdout + b"\n" + started.stderr)
    # `am` ends with 0 on some versions of Android whatever happens.
    if started.exit_status != 0 or "Error" in said:
        raise TopformerError(
            f"The app does not start on {link.name}.",
            why=said,
            next_step="Install it with `topformer app install`."
            if "does not exist" in said
            else "",
        )
    return said
