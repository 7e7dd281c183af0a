"""What `topformer app install` and `topformer app run` do: the demo app on a device."""

from pathlib import Path
from typing import Literal

from topformer.android.device import PACKAGE, install_app, start_app
from topformer.android.gradle import APK
from topformer.console.output import print_result
from topformer.console.progress import spinner
from topformer.devices.links.adb import choose_devices, connect
from topformer.verbs.app.document import AppDeviceDocument
from topformer.verbs.app.sources import find_sources


def install(*, apk: Path | None, serial: str | None, folder: Path | None, as_json: bool) -> None:
    """Install an APK, or what `build` built, on a device, over an older one."""
    chosen = apk or find_sources(folder) / APK
    (device,) = choose_devices(serial, all_devices=False)
    with spinner(f"installing on {device.serial}"):
        install_app(connect(device), chosen)
    _print_done("installed", device.serial, as_json=as_json)


def start(*, serial: str | None, as_json: bool) -> None:
    """Start the app on a device that has it."""
    (device,) = choose_devices(serial, all_devices=False)
    start_app(connect(device))
    _print_done("started", device.serial, as_json=as_json)


def _print_done(done: Literal["installed", "started"], serial: str, *, as_json: bool) -> None:
    document = AppDeviceDocument(done=done, serial=serial, package=PACKAGE)
    print_result(document, [f"{serial}: {done}"], as_json=as_json)
