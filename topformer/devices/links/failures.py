"""What adb means when it fails, and what to do about it."""

from topformer.devices.links.link import printable
from topformer.errors import TopformerError

# What helps in each state of `adb devices` but "device". All that adb has are named: a line is
# told from a remark by them.
_TO_ANDROID = "Restart the device into Android, as with `adb reboot`, then try again."
ADVICE = {
    "unauthorized": "Unlock the device and allow this computer to debug it in the dialogue; "
    "if it does not ask, unplug it, run `adb kill-server`, and plug it in again.",
    "authorizing": "Unlock the device and allow this computer to debug it.",
    "connecting": "Wait a moment, then try again.",
    "offline": "Unplug the device and plug it in again, or run `adb reconnect offline`; "
    "if that does not help, restart it.",
    "no permissions": "Let your user reach the device: install udev rules for it (Debian: "
    "`apt install android-sdk-platform-tools-common`, and join the group plugdev), then "
    "plug it in again.",
    "bootloader": "Restart the device into Android, as with `fastboot reboot`, then try again.",
    "recovery": _TO_ANDROID,
    "rescue": _TO_ANDROID,
    "sideload": _TO_ANDROID,
    "host": "This is a server of adb and no device: unset ANDROID_SERIAL if it names it, and "
    "connect a device.",
    "detached": "Let adb have the device again with `adb attach`, or end the program that took it "
    "and plug it in again.",
    "unknown": "Unplug the device, run `adb kill-server`, and plug it in again.",
}
OTHER_ADVICE = "Restart the device into Android, then try again."
NAMELESS_ADVICE = (
    "It tells no serial number, by which it could be chosen: restart it, plug it in again, or "
    "connect it with `adb connect HOST:PORT`."
)
STATES = ("device", *(state for state in ADVICE if state != "no permissions"))

# What adb prints, what it means, and what helps. The first that fits counts.
_MEANINGS = (
    ("device unauthorized", "{device} does not allow this computer to debug it.",
     ADVICE["unauthorized"]),
    ("device offline", "{device} is offline.", ADVICE["offline"]),
    ("no permissions", "{device} may not be used by this user.", ADVICE["no permissions"]),
    ("insufficient permissions", "{device} may not be used by this user.",
     ADVICE["no permissions"]),
    ("no devices", "adb sees no device.", "Connect one, and look at `topformer devices`."),
    ("more than one device", "adb sees several devices.", "Unplug all but one."),
    ("device '", "adb sees no device called {device} any more.",
     "Connect it, and look at `topformer devices`."),
    ("No space left", "{device} is full.", "Make room on it: its /data/local/tmp is used."),
    ("Read-only file system", "{device} cannot be written to.", "Restart it, then try again."),
    ("Permission denied", "{device} does not permit this.", ""),
    ("doesn't match this client", "The server of adb is of another version.",
     "Run `adb kill-server`, then try again; if it stays, two versions of adb are installed: set "
     "ADB to the path of the one that all programs should use."),
    ("failed to start daemon", "The server of adb does not start.",
     "Run `adb kill-server`, then `adb devices`."),
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
