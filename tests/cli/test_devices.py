"""The list of devices, with a fake adb for what a real one shows too seldom."""

import msgspec
import pytest

from topformer.cli.devices import devices
from topformer.errors import TopformerError
from topformer.verbs.devices import DevicesDocument

PHONE = r"""
case "$*" in
*getprop*)
  token=$(printf %s "$*" | grep -oE '[0-9a-f]{16}' | head -n 1)
  mark() { printf '\n%s %s\n' "$token" "$1"; }
  mark properties
  printf '[ro.product.manufacturer]: [Maker]\n[ro.product.model]: [[red]Phone]\n'
  printf '[ro.soc.model]: [S1]\n[ro.product.cpu.abilist]: [arm64-v8a]\n'
  printf '[ro.build.version.release]: [15]\n'
  mark cpufiles
  for cpu in 0 1; do
    printf '/sys/devices/system/cpu/cpu%s/cpufreq/cpuinfo_max_freq:1800000\n' $cpu
  done
  mark present; echo 0-3
  mark online; echo 0-1;;
*thermalservice*)
  token=$(printf %s "$*" | grep -oE '[0-9a-f]{16}' | head -n 1)
  printf '\n%s thermal\nThermal Status: 1\nCurrent temperatures from HAL:\n' "$token"
  printf '\tTemperature{mValue=39.5, mType=3, mName=SKIN, mStatus=1}\n';;
esac
marker=$(printf %s "$*" | grep -oE '[0-9a-f]{16} %d' | head -c 16)
printf '\n%s 0\n' "$marker"
"""


@pytest.fixture
def adb(tmp_path, monkeypatch):
    def install(listing: str) -> None:
        (tmp_path / "listing").write_text(f"List of devices attached\n{listing}\n")
        path = tmp_path / "adb"
        path.write_text(
            "#!/bin/sh\n"
            '[ "$1" = version ] && exec echo "Android Debug Bridge version 1.0.41"\n'
            f'[ "$1" = devices ] && exec cat {tmp_path}/listing\n'
            '[ "$2" = LOST ] && exit 0\n' + PHONE
        )
        path.chmod(0o755)
        monkeypatch.setenv("ADB", str(path))
        monkeypatch.setenv("COLUMNS", "200")

    return install


def test_devices_that_can_be_used_and_others(adb, capsys):
    adb("A1 device usb:1 model:x\nB2 unauthorized usb:2\nC3 no permissions (x)\nLOST device")
    devices()
    printed = capsys.readouterr()
    assert printed.out == "A1\n"
    for shown in ("Maker [red]Phone", "S1", "2x CPU 1.80 GHz",
                  "switched off: CPU 2, 3", "arm64-v8a", "39.5 C (SKIN)",
                  "thermal status 1", "B2: Unlock the device", "udev",
                  "LOST was lost in the middle"):  # fmt: skip
        assert shown in printed.err, shown


def test_the_document_holds_the_same(adb, capsys):
    adb("A1 device\nB2 offline")
    devices(as_json=True)
    document = msgspec.json.decode(capsys.readouterr().out, type=DevicesDocument)
    first, second = document.devices
    assert (first.facts.model, first.temperature.temperature_c) == ("[red]Phone", 39.5)
    assert (first.thermal_status, first.advice) == (1, None)
    assert (second.state, second.facts) == ("offline", None)
    assert "adb reconnect offline" in second.advice


def test_no_device_is_no_error(adb, capsys):
    adb("")
    devices(as_json=True)
    printed = capsys.readouterr()
    assert msgspec.json.decode(printed.out, type=DevicesDocument).devices == ()
    assert "USB debugging" in " ".join(printed.err.split())


def test_no_adb_is_an_error_that_names_the_package(monkeypatch):
    monkeypatch.setenv("ADB", "no-such-adb")
    with pytest.raises(TopformerError) as raised:
        devices()
    assert "apt install adb" in raised.value.next_step
