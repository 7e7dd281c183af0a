"""What is written down of a device: what it is, and how it was at one moment."""

from typing import Annotated, Literal

import msgspec

from topformer.devices.links.link import LinkKind
from topformer.documents import Count, Document, Number, Sha256, Share, ShortText
from topformer.manifest import Error, Gates

CpuId = Annotated[int, msgspec.Meta(ge=0, le=999)]
# 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown.
ThermalStatus = Annotated[int, msgspec.Meta(ge=0, le=6)]
Power = Literal["ac", "usb", "wireless", "dock", "none"]


class DeviceCore(Document, frozen=True, kw_only=True):
    """One CPU of a device."""

    cpu: CpuId
    # As in "Cortex-A76"; the implementer and part number where the name is not known.
    core: ShortText | None
    max_khz: Count | None
    # The kernel's own measure of speed: 1024 for the fastest.
    capacity: Count | None
    # 0 holds the slowest cores.
    cluster: Count


class DeviceFacts(Document, frozen=True, kw_only=True):
    """What a device is; null where it does not tell."""

    # As adb calls it, or `ssh:HOST`.
    serial: ShortText
    link: LinkKind
    manufacturer: ShortText | None
    model: ShortText | None
    soc: ShortText | None
    platform: ShortText | None
    architecture: ShortText | None
    abis: tuple[ShortText, ...]
    android_version: ShortText | None
    sdk: Count | None
    build_fingerprint: ShortText | None
    build_type: ShortText | None
    kernel: ShortText | None
    cores: tuple[DeviceCore, ...]
    # CPUs that it has and that were switched off; they do not tell what they are.
    offline: tuple[CpuId, ...] = ()
    # Instructions that int8 and matrix kernels use; true where every core has them.
    asimddp: bool | None
    i8mm: bool | None
    sme: bool | None
    # Arithmetic in half precision, which fp16 files need to be fast; ARMv8.2 and newer.
    asimdhp: bool | None = None
    memory_bytes: Count | None
    # Its times are then no latency of any device.
    emulated: bool
    emulated_because: ShortText | None

    @property
    def name(self) -> str:
        """Maker and model; the serial where it tells neither."""
        return " ".join(filter(None, (self.manufacturer, self.model))) or self.serial


class CpuState(Document, frozen=True, kw_only=True):
    """One CPU at one moment."""

    cpu: CpuId
    online: bool | None
    current_khz: Count | None
    # Falls when the system throttles.
    allowed_khz: Count | None
    governor: ShortText | None


class Temperature(Document, frozen=True, kw_only=True):
    """What one sensor says."""

    sensor: ShortText
    # "skin", "battery", "cpu", ... as Android calls them; "zone" for a zone of the kernel's.
    kind: ShortText
    temperature_c: Number


class DeviceState(Document, frozen=True, kw_only=True):
    """A device at one moment; null where it does not tell."""

    cpus: tuple[CpuState, ...]
    thermal_status: ThermalStatus | None
    temperatures: tuple[Temperature, ...]
    battery_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None
    battery_temperature_c: Number | None
    power: Power | None
    memory_available_bytes: Count | None
    # Totals over all CPUs since the device started, to be read twice and subtracted.
    busy_s: Number | None
    stolen_s: Number | None
    load_average: tuple[Number, Number, Number] | None


class CheckedOutput(Document, frozen=True, kw_only=True):
    """A device's result on the bench's picture, held against this machine's."""

    outputs_sha256: Sha256
    # 300 where nothing differs.
    sqnr_db: Number
    max_abs_error: Error
    # As `Gates` has it, at the picture's size.
    result_agreement: Share
    # Every bit of the outputs, and the whole result.
    exact: bool
    # What it was held to; null where only an exact result passes.
    required: Gates | None
    passed: bool


class StartGate(Document, frozen=True, kw_only=True):
    """How a device was when measuring began."""

    # What was waited for; null where the device tells no temperature.
    temperature: Temperature | None
    thermal_status: ThermalStatus | None
    max_start_c: Number
    waited_s: Number
