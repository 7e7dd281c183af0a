"""What `topformer devices` does: list what adb sees, and say what to do about what is unusable."""

from collections.abc import Iterator

from rich.table import Table

from topformer.console.output import print_result
from topformer.console.progress import spinner
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.devices.facts.cores import describe_clusters
from topformer.devices.facts.documents import DeviceFacts, Temperature, ThermalStatus
from topformer.devices.facts.reading import read_facts, read_state
from topformer.devices.heat import gate_temperature
from topformer.devices.links.adb import ListedDevice, connect, list_devices
from topformer.documents import Document, SchemaName, ShortText
from topformer.errors import TopformerError


class DeviceRow(Document, frozen=True, kw_only=True):
    """One device that adb sees."""

    serial: ShortText
    # "device" when it can be used; "unauthorized", "offline", "no permissions", ...
    state: ShortText
    # What to do so that it can be used; null when it can.
    advice: str | None
    # Null where it cannot be used.
    facts: DeviceFacts | None
    # What a bench waits for before it starts; null where the device tells none.
    temperature: Temperature | None
    thermal_status: ThermalStatus | None


class DevicesDocument(Document, frozen=True, kw_only=True):
    """All devices that adb sees."""

    schema: SchemaName = "topformer.devices/1.1"
    devices: tuple[DeviceRow, ...]


def run(*, as_json: bool) -> None:
    """Print the devices that adb sees."""
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
    usable = [row.serial for row in rows if row.facts]
    print_result(DevicesDocument(devices=rows), usable, as_json=as_json, shown=True)


def _describe(device: ListedDevice) -> DeviceRow:
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
    facts, temperature = row.facts, row.temperature
    if facts is None:
        return
    yield " ".join(part for part in (facts.manufacturer, facts.model) if part)
    android = f"Android {facts.android_version}" if facts.android_version else ""
    abi = facts.abis[0] if facts.abis else facts.architecture
    yield ", ".join(part for part in (facts.soc or facts.platform, android, abi) if part)
    yield describe_clusters(facts.cores)
    if facts.offline:
        yield f"switched off: CPU {', '.join(map(str, facts.offline))}"
    if temperature:
        throttled = f", thermal status {row.thermal_status}" if row.thermal_status else ""
        yield f"{temperature.temperature_c:.1f} C ({temperature.sensor}){throttled}"
