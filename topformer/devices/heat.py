"""The start gate: no measurement begins on a device that is warm already."""

import time
from collections.abc import Callable

from topformer.devices.facts.documents import DeviceState, StartGate, Temperature
from topformer.errors import TopformerError

# What react-native-executorch's benchmarks start at.
DEFAULT_MAX_START_C = 37.0
# Boards tell no more than the temperature of their chip, which idles far above a phone's skin and
# slows down from about 80 C.
DEFAULT_MAX_START_CHIP_C = 60.0
WAIT_LIMIT_S = 600.0
POLL_S = 5.0

# What tells best how much heat is left to give; a CPU cools within seconds of its work.
_PREFERRED_KINDS = ("skin", "battery")
_ZONE_WORDS = ("skin", "batt", "cpu", "soc")


def gate_temperature(state: DeviceState) -> Temperature | None:
    """The temperature that a start waits for; None where nothing can be read."""
    for kind in _PREFERRED_KINDS:
        found = [t for t in state.temperatures if t.kind == kind]
        if found:
            return _warmest(found)
    if state.battery_temperature_c is not None:
        return Temperature(
            sensor="battery", kind="battery", temperature_c=state.battery_temperature_c
        )
    for word in _ZONE_WORDS:
        found = [t for t in state.temperatures if t.kind == "zone" and word in t.sensor.lower()]
        if found:
            return _warmest(found)
    return None


def _warmest(temperatures: list[Temperature]) -> Temperature:
    return max(temperatures, key=lambda temperature: temperature.temperature_c)


def wait_until_cool(
    read: Callable[[], DeviceState],
    *,
    device: str,
    on_wait: Callable[[str], None],
    max_start_c: float | None = None,
    limit_s: float = WAIT_LIMIT_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> StartGate:
    """Wait until a device is cool and not throttled; raises `TopformerError` when it stays warm.

    Without `max_start_c` the sensor decides how warm is warm. `on_wait` is told what is waited for,
    and how long at most.
    """
    start_s = clock()
    while True:
        state = read()
        temperature = gate_temperature(state)
        waited_s = clock() - start_s
        limit_c = _default_limit(temperature) if max_start_c is None else max_start_c
        warm = temperature is not None and temperature.temperature_c > limit_c
        if not warm and not state.thermal_status:
            return StartGate(
                temperature=temperature,
                thermal_status=state.thermal_status,
                max_start_c=limit_c,
                waited_s=waited_s,
            )
        reason = _describe(state, temperature, limit_c)
        if waited_s >= limit_s:
            raise TopformerError(
                f"{device} did not cool down within {limit_s:.0f} s.",
                why=reason,
                next_step="Let it lie in a cool place, unplugged and with its screen off, or "
                "raise --max-start-temp.",
            )
        on_wait(f"waiting for {device} to cool: {reason}, {limit_s - waited_s:.0f} s left")
        sleep(min(POLL_S, limit_s - waited_s))


def _default_limit(temperature: Temperature | None) -> float:
    if temperature is None or temperature.kind in _PREFERRED_KINDS:
        return DEFAULT_MAX_START_C
    is_skin = any(word in temperature.sensor.lower() for word in ("skin", "batt"))
    return DEFAULT_MAX_START_C if is_skin else DEFAULT_MAX_START_CHIP_C


def _describe(state: DeviceState, temperature: Temperature | None, max_start_c: float) -> str:
    parts: list[str] = []
    if temperature is not None and temperature.temperature_c > max_start_c:
        parts.append(
            f"{temperature.sensor} has {temperature.temperature_c:.1f} C of at most {max_start_c:g}"
        )
    if state.thermal_status:
        parts.append(f"its thermal status is {state.thermal_status} instead of 0")
    return " and ".join(parts)
