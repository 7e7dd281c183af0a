"""What adb means when it fails, and what to do about it."""

from topformer.benchmarks.devices.link import printable
from topformer.errors import TopformerError

# States of `adb devices`.
ADVICE = {
    "unauthorized": "Unlock the device and allow this computer to debug it; if it does not ask, "
    "unplug it, run `adb kill-server`, and plug it in again.",
    "authorizing": "Unlock the device and allow this computer to debug it.",
    "connecting": "Wait a moment, then try again.",
    "offline": "Unplug the device and plug it in again, or run `adb reconnect offline`; "
    "if that does not help, restart it.",
    "no permissions": "Let your user reach the device: install udev rules for it (Debian: "
    "`apt install android-sdk-platform-tools-common`, and join the group plugdev), then "
    "plug it in again.",
}

# What adb prints, what it means, and what helps. The first that fits counts.
_MEANINGS = (
    ("device unauthorized", "{device} does not allow this computer to debug it.",
     ADVICE["unauthorized"]),
    ("device offline", "{device} is offline.", ADVICE["offline"]),
    ("no permissions", "{device} may not be used by this user.", ADVICE["no permissions"]),
    ("insufficient permissions", "{device} may not be used by this user.",
     ADVICE["no permissions"]),
    ("no devices", "adb sees no device.", "Connect one, and look at `topformer devices`."),
    ("more than one device", "adb sees several devices.", "Choose one with --serial."),
    ("device '", "adb sees no device called {device} any more.",
     "Connect it, and look at `topformer devices`."),
    ("No space left", "{device} is full.", "Make room on it: its /data/local/tmp is used."),
    ("Read-only file system", "{device} cannot be written to.", "Restart it, then try again."),
    ("Permission denied", "{device} does not permit this.", ""),
    ("cannot connect to daemon", "The server of adb does not start.",
     "Run `adb kill-server`, then `adb devices`."),
)  # fmt: skip


def explain_adb(output: bytes, device: str) -> TopformerError:
    """Make an error of what adb printed when it failed or gave half an answer."""
    said = printable(output)
    for pattern, meaning, next_step in _MEANINGS:
        if pattern.lower() in said.lower():
            return TopformerError(meaning.format(device=device), why=said, next_step=next_step)
    return TopformerError(
        f"{device} was lost in the middle of an answer.",
        why=said or "adb ended without an error, as it does when the device is gone.",
        next_step="Check the cable, and look at `topformer devices`.",
    )
