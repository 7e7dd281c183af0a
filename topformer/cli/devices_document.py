"""What `topformer devices --json` prints."""

from topformer.devices.facts.documents import DeviceFacts, Temperature, ThermalStatus
from topformer.documents import Document, SchemaName, ShortText


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

    schema: SchemaName = "topformer.devices/1"
    devices: tuple[DeviceRow, ...]
