"""Nothing starts warm, and nothing waits for ever."""

import pytest

from topformer.devices.facts.documents import Temperature
from topformer.devices.facts.reading import describe_state
from topformer.devices.heat import gate_temperature, wait_until_cool
from topformer.errors import TopformerError


def state(text="", *, battery="", zones=""):
    return describe_state({"thermal": text, "battery": battery, "zones": zones})


def skin(value, status=0):
    return state(
        f"Thermal Status: {status}\nCurrent temperatures from HAL:\n"
        f"\tTemperature{{mValue={value}, mType=3, mName=SKIN, mStatus=0}}\n"
    )


def test_the_skin_comes_first_then_the_battery_then_zones(dump):
    battery = dump("battery-samsung.txt")
    zones = dump("zones-board.txt")
    hot = state(dump("thermal-android16-xiaomi-13t-pro.txt"), battery=battery)
    assert gate_temperature(hot) == Temperature(sensor="SKIN", kind="skin", temperature_c=50.77)
    assert gate_temperature(state(battery=battery, zones=zones)).temperature_c == 30.9
    assert gate_temperature(state(zones=zones)).sensor == "battery"
    only_cpu = "".join(line for line in zones.splitlines(keepends=True) if "zone1/" not in line)
    assert gate_temperature(state(zones=only_cpu)).sensor == "cpu-thermal"
    assert gate_temperature(state()) is None


class Device:
    """Shows one state after the other; time passes only while somebody waits."""

    def __init__(self, *states):
        self.states = list(states)
        self.now_s = 0.0
        self.told = []

    def read(self):
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def sleep(self, seconds):
        assert seconds > 0
        self.now_s += seconds

    def wait(self, **options):
        return wait_until_cool(
            self.read, device="A1", on_wait=self.told.append,
            clock=lambda: self.now_s, sleep=self.sleep, **options,
        )  # fmt: skip


def test_a_cool_device_starts_at_once():
    gate = Device(skin(37.0)).wait()
    assert gate.waited_s == 0.0
    assert gate.temperature.sensor == "SKIN"


def test_a_device_that_tells_nothing_starts_at_once():
    assert Device(state()).wait().temperature is None


def test_a_board_whose_chip_alone_tells_starts_warmer():
    zones = "/sys/class/thermal/thermal_zone0/type:cpu-thermal\n"
    zones += "/sys/class/thermal/thermal_zone0/temp:{}\n"
    warm, hot = (describe_state({"zones": zones.format(temp)}) for temp in (52000, 61000))
    assert Device(warm).wait().max_start_c == 60.0
    assert Device(hot, warm).wait().waited_s == 5.0
    assert Device(warm, skin(36.0)).wait(max_start_c=40.0).waited_s == 5.0


def test_a_warm_device_is_waited_for_with_a_countdown():
    device = Device(skin(41.2), skin(38.0), skin(36.9, status=1), skin(36.5))
    gate = device.wait()
    assert gate.waited_s == 15.0
    assert gate.temperature.temperature_c == 36.5
    assert device.told == [
        "waiting for A1 to cool: SKIN has 41.2 C of at most 37, 600 s left",
        "waiting for A1 to cool: SKIN has 38.0 C of at most 37, 595 s left",
        "waiting for A1 to cool: its thermal status is 1 instead of 0, 590 s left",
    ]


def test_a_device_that_stays_warm_is_an_error():
    device = Device(skin(45.0, status=2))
    with pytest.raises(TopformerError, match="did not cool down within 600 s") as raised:
        device.wait()
    assert "45.0 C" in raised.value.why
    assert "--max-start-temp" in raised.value.next_step
    assert device.now_s == 600.0
