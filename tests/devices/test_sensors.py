"""What devices say of battery and heat."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.devices.facts.documents import Temperature
from topformer.devices.facts.sensors import (
    MOST_SENSORS,
    Battery,
    Thermal,
    parse_battery,
    parse_thermal,
    parse_zones,
)


def named(temperatures):
    return {t.sensor: (t.kind, t.temperature_c) for t in temperatures}


def test_current_temperatures_are_read_and_sensors_that_are_not_fitted_left_out(dump):
    thermal = parse_thermal(dump("thermal-android12-galaxy-a52.txt"))
    assert thermal.status == 0
    assert named(thermal.temperatures) == {
        "AP": ("cpu", 25.6),
        "BAT": ("battery", 23.8),
        "LRB": ("skin", 24.7),
        "LRF": ("skin", 24.7),
        "LRP": ("skin", 24.7),
        "PA": ("power amplifier", 25.7),
    }


def test_a_skin_that_throttles_counts_where_the_whole_status_does_not(dump):
    thermal = parse_thermal(dump("thermal-android16-xiaomi-13t-pro.txt"))
    assert thermal.status == 3
    assert named(thermal.temperatures)["SKIN"] == ("skin", 50.77)
    assert named(thermal.temperatures)["CPU"] == ("cpu", 62.842)


def test_currents_thresholds_and_cooling_devices_are_no_temperatures(dump):
    thermal = parse_thermal(dump("thermal-headroom.txt"))
    assert thermal.status == 2
    assert named(thermal.temperatures) == {"VIRTUAL-SKIN": ("skin", 43.25), "TPU": ("tpu", 51.0)}


def test_a_phone_without_sensors_still_has_a_status(dump):
    assert parse_thermal(dump("thermal-no-hal.txt")) == Thermal(status=0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("battery-android6-emulator.txt", Battery(percent=89, temperature_c=None, power="ac")),
        ("battery-android7-pixel-c.txt", Battery(percent=19, temperature_c=27.5, power="ac")),
        ("battery-samsung.txt", Battery(percent=100, temperature_c=30.9, power="usb")),
        ("battery-android14-dock.txt", Battery(percent=75, temperature_c=-3.5, power="dock")),
    ],
)
def test_batteries(dump, name, expected):
    assert parse_battery(dump(name)) == expected


def test_a_battery_that_is_not_plugged_in_and_one_that_is_not_there(dump):
    text = dump("battery-android7-pixel-c.txt")
    assert parse_battery(text.replace("AC powered: true", "AC powered: false")).power == "none"
    assert parse_battery(text.replace("present: true", "present: false")) == Battery()


def test_zones_of_the_kernel(dump):
    assert named(parse_zones(dump("zones-board.txt"))) == {
        "cpu-thermal": ("zone", 47.2),
        "battery": ("zone", 31.5),
        "soc_old_driver": ("zone", 44.0),
    }


WORDS = st.sampled_from(
    ["Thermal Status: ", "Current temperatures from HAL:\n", "\tTemperature{mValue=", "mType=3, ",
     "mName=", "mStatus=0}\n", "NaN", "1e999", "9" * 400, "-", ".", "٣", "\x1b[2J", "\0",
     "  level: ",
     "  scale: ", "  present: true\n", "  temperature: ", "0", "\n",
     "/sys/class/thermal/thermal_zone0/type:", "/sys/class/thermal/thermal_zone0/temp:"]
)  # fmt: skip
HOSTILE = st.text(max_size=300) | st.lists(WORDS, max_size=40).map("".join)


@given(HOSTILE)
def test_no_text_does_harm(text):
    thermal, battery, zones = parse_thermal(text), parse_battery(text), parse_zones(text)
    assert thermal.status is None or 0 <= thermal.status <= 6
    assert battery.percent is None or 0 <= battery.percent <= 100
    temperatures = (*thermal.temperatures, *zones)
    assert len(temperatures) <= 2 * MOST_SENSORS
    # They fit the document, and nothing in them is obeyed by a terminal.
    encoded = msgspec.json.encode(temperatures)
    assert msgspec.json.decode(encoded, type=tuple[Temperature, ...]) == temperatures
    assert all(t.sensor.isprintable() and -40 <= t.temperature_c <= 150 for t in temperatures)


def test_a_flood_of_sensors_is_cut():
    line = "\tTemperature{mValue=30.0, mType=3, mName=S, mStatus=0}\n"
    thermal = parse_thermal("Current temperatures from HAL:\n" + line * 5000)
    assert len(thermal.temperatures) == MOST_SENSORS
