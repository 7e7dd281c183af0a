"""`topformer devices`: the phones that adb sees, and what to do about those it cannot use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topformer.cli.console import JsonOption, print_document, print_lines, spinner, stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from topformer.cli.devices_document import DeviceRow
    from topformer.devices.links.adb import ListedDevice


def devices(json: JsonOption = False) -> None:
    """List the devices that adb sees: model, SoC, cores, Android, temperature.

    For those that cannot be used it says what to do. Stdout holds the serials of
    those that can.

    Examples:

      topformer devices

      topformer devices --json
    """
    from topformer.cli.devices_document import DevicesDocument  # noqa: PLC0415
    from topformer.cli.tables import print_table  # noqa: PLC0415
    from topformer.devices.links.adb import list_devices  # noqa: PLC0415

    with spinner("asking adb"):
        rows = tuple(_describe(device) for device in list_devices())
    if rows:
        print_table(_table(rows))
    else:
        stderr().print(
            "adb sees no device: connect one by USB, and turn on USB debugging in its developer "
            "options.",
            soft_wrap=True,
        )
    for row in rows:
        if row.advice:
            stderr().print(f"{row.serial}: {row.advice}", soft_wrap=True)
    if json:
        print_document(DevicesDocument(devices=rows))
    else:
        print_lines((row.serial for row in rows if row.facts), shown=True)


def _describe(device: ListedDevice) -> DeviceRow:
    from topformer.cli.devices_document import DeviceRow  # noqa: PLC0415
    from topformer.devices.facts.reading import read_facts, read_state  # noqa: PLC0415
    from topformer.devices.heat import gate_temperature  # noqa: PLC0415
    from topformer.devices.links.adb import connect  # noqa: PLC0415
    from topformer.errors import TopformerError  # noqa: PLC0415

    try:
        link = connect(device)
        facts, state = read_facts(link), read_state(link)
    except TopformerError as error:  # one that is lost does not hide the others
        return DeviceRow(
            serial=device.serial,
            state=device.state,
            advice=device.advice or f"{error.what} {error.next_step}".rstrip(),
            facts=None,
            temperature=None,
            thermal_status=None,
        )
    return DeviceRow(
        serial=device.serial,
        state=device.state,
        advice=None,
        facts=facts,
        temperature=gate_temperature(state),
        thermal_status=state.thermal_status,
    )


def _table(rows: tuple[DeviceRow, ...]) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(title="Devices", title_justify="left", show_lines=True)
    for heading in ("serial", "state", "device"):
        table.add_column(heading)
    for row in rows:
        state = "emulated" if row.facts and row.facts.emulated else row.state
        # What a device prints is text, never markup.
        table.add_row(row.serial, state, "\n".join(_lines(row)))
    return table


def _lines(row: DeviceRow) -> Iterator[str]:
    """Say what a device is and how warm it is, in a few lines."""
    from topformer.devices.facts.cores import describe_clusters  # noqa: PLC0415

    facts, temperature = row.facts, row.temperature
    if facts is None:
        return
    yield " ".join(part for part in (facts.manufacturer, facts.model) if part)
    android = f"Android {facts.android_version}" if facts.android_version else ""
    abi = facts.abis[0] if facts.abis else facts.architecture
    yield ", ".join(part for part in (facts.soc or facts.platform, android, abi) if part)
    yield describe_clusters(facts.cores)
    if temperature:
        throttled = f", thermal status {row.thermal_status}" if row.thermal_status else ""
        yield f"{temperature.temperature_c:.1f} C ({temperature.sensor}){throttled}"
