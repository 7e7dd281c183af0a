"""`topformer app install | run`: the demo app on a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from topformer.cli.app_options import AppOption, SerialOption, find_sources
from topformer.cli.console import JsonOption, print_document, print_lines, spinner

ApkOption = Annotated[Path | None, typer.Option(help="An APK; by default what `build` built.")]


def install(
    apk: ApkOption = None,
    serial: SerialOption = None,
    folder: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Install the app on a device, over an older one.

    Examples:

      topformer app install

      topformer app install --apk topformer-demo.apk --serial emulator-5554
    """
    from topformer.android.device import install_app  # noqa: PLC0415
    from topformer.android.gradle import APK  # noqa: PLC0415
    from topformer.devices.links.adb import choose_devices, connect  # noqa: PLC0415

    chosen = apk or find_sources(folder) / APK
    (device,) = choose_devices(serial, all_devices=False)
    with spinner(f"installing on {device.serial}"):
        install_app(connect(device), chosen)
    _print_done("installed", device.serial, as_json=json)


def run(serial: SerialOption = None, json: JsonOption = False) -> None:
    """Start the app on a device that has it.

    Example:

      topformer app run
    """
    from topformer.android.device import start_app  # noqa: PLC0415
    from topformer.devices.links.adb import choose_devices, connect  # noqa: PLC0415

    (device,) = choose_devices(serial, all_devices=False)
    start_app(connect(device))
    _print_done("started", device.serial, as_json=json)


def _print_done(done: Literal["installed", "started"], serial: str, *, as_json: bool) -> None:
    from topformer.android.device import PACKAGE  # noqa: PLC0415
    from topformer.cli.app_document import AppDeviceDocument  # noqa: PLC0415

    if as_json:
        print_document(AppDeviceDocument(done=done, serial=serial, package=PACKAGE))
    else:
        print_lines([f"{serial}: {done}"])
