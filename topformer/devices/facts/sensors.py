"""Read what a device says of its battery and of heat; any text may come.

Sources of the formats: dump() of BatteryService and ThermalManagerService in Android's
frameworks/base, and Linux, Documentation/driver-api/thermal/sysfs-api.rst.
"""

import re
from dataclasses import dataclass

from topformer.devices.facts.documents import Power, Temperature
from topformer.devices.facts.parsing import clean, whole_number

MOST_SENSORS = 128
_SOURCES: tuple[Power, ...] = ("ac", "usb", "wireless", "dock")
# Colder and hotter readings are of sensors that are not there.
_COLDEST_C, _HOTTEST_C = -40.0, 150.0

# android.hardware.thermal's TemperatureType; those that measure volts and amperes are left out.
_SENSOR_KINDS = {
    "0": "cpu",
    "1": "gpu",
    "2": "battery",
    "3": "skin",
    "4": "usb port",
    "5": "power amplifier",
    "9": "npu",
    "10": "tpu",
    "11": "display",
    "12": "modem",
    "13": "soc",
}


@dataclass(frozen=True, kw_only=True)
class Battery:
    """What `dumpsys battery` tells."""

    percent: int | None = None
    temperature_c: float | None = None
    power: Power | None = None


def parse_battery(text: str) -> Battery:
    """Read what `dumpsys battery` prints; a device without a battery yields nothing."""
    # Makers add lines of their own below; the first of each name counts.
    fields: dict[str, str] = {}
    for name, value in re.findall(r"^ {1,4}([\w ]{1,40}): (\S{1,20})\s*$", text, re.MULTILINE):
        fields.setdefault(name.lower(), value)
    if fields.get("present") != "true":
        return Battery()
    level, scale = whole_number(fields.get("level")), whole_number(fields.get("scale"))
    tenths = re.fullmatch(r"-?\d{1,4}", fields.get("temperature", ""))
    temperature_c = int(tenths[0]) / 10 if tenths else None
    return Battery(
        percent=round(100 * level / scale)
        if level is not None and scale and level <= scale
        else None,
        # Exactly zero is what emulators and missing sensors say.
        temperature_c=temperature_c if temperature_c and _is_plausible(temperature_c) else None,
        power=_power(fields),
    )


def _power(fields: dict[str, str]) -> Power | None:
    known: list[Power] = [source for source in _SOURCES if f"{source} powered" in fields]
    for source in known:
        if fields[f"{source} powered"] == "true":
            return source
    return "none" if known else None


@dataclass(frozen=True, kw_only=True)
class Thermal:
    """What `dumpsys thermalservice` tells."""

    status: int | None = None
    temperatures: tuple[Temperature, ...] = ()


def parse_thermal(text: str) -> Thermal:
    """Read what `dumpsys thermalservice` prints: what the sensors say now, not what was cached."""
    status = re.search(r"^Thermal Status: ([0-6])\s*$", text, re.MULTILINE)
    _, _, current = text.partition("Current temperatures from HAL:")
    # Thresholds and cooling devices follow, some of them in the words of temperatures.
    current = re.split(r"^\S", current, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(
        r"Temperature\{mValue=(-?\d{1,6}(?:\.\d{1,9})?), mType=(-?\d{1,3}), "
        r"mName=([^,{}\n]{1,80}), mStatus=([0-6])\}",
        current,
        re.ASCII,
    )
    temperatures = tuple(
        Temperature(sensor=sensor, kind=_SENSOR_KINDS[kind], temperature_c=float(value))
        for value, kind, raw, _ in found[:MOST_SENSORS]
        # Exactly zero is a sensor that is not fitted, as a second battery.
        if kind in _SENSOR_KINDS
        and float(value) != 0.0
        and _is_plausible(float(value))
        and (sensor := clean(raw))
    )
    # Some phones throttle by what the skin's sensor says and leave the whole status at 0.
    statuses = [int(own) for _, kind, _, own in found if _SENSOR_KINDS.get(kind) == "skin"]
    if status:
        statuses.append(int(status[1]))
    return Thermal(status=max(statuses, default=None), temperatures=temperatures)


def parse_zones(text: str) -> tuple[Temperature, ...]:
    """Read lines `/sys/class/thermal/thermal_zoneN/{type,temp}:VALUE`, as grep prints them."""
    zones: dict[str, dict[str, str]] = {}
    pattern = r"^/sys/class/thermal/thermal_zone(\d{1,4})/(type|temp):(.*)$"
    for number, name, value in re.findall(pattern, text, re.ASCII | re.MULTILINE):
        zones.setdefault(number, {})[name] = value
    found: list[Temperature] = []
    for zone in list(zones.values())[:MOST_SENSORS]:
        sensor = clean(zone.get("type", ""))
        raw = re.fullmatch(r"-?\d{1,7}", zone.get("temp", "").strip(), re.ASCII)
        # Thousandths of a degree, by the kernel's rule; a few old drivers give whole degrees.
        value_c = (
            (int(raw[0]) / 1000 if abs(int(raw[0])) >= 1000 else float(raw[0])) if raw else 0.0
        )
        if sensor and value_c and _is_plausible(value_c):
            found.append(Temperature(sensor=sensor, kind="zone", temperature_c=value_c))
    return tuple(found)


def _is_plausible(temperature_c: float) -> bool:
    return _COLDEST_C <= temperature_c <= _HOTTEST_C
