"""What a device is, from what it prints, however little or wild that is."""

import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.devices.facts.cores import describe_clusters, mask_of
from topformer.devices.facts.documents import DeviceFacts, DeviceState
from topformer.devices.facts.parsing import CpuInfo, CpuTable, parse_cpu_table, parse_uptime
from topformer.devices.facts.reading import (
    Placement,
    describe_facts,
    describe_state,
    emulation,
    read_counted_state,
    read_facts,
    read_state,
)


@pytest.fixture
def pixel(dump):
    return {
        "properties": dump("properties-pixel-6.txt"),
        "cpuinfo": dump("cpuinfo-tensor.txt"),
        "cpufiles": dump("cpufiles-tensor.txt"),
        "memory": "MemTotal:        7759196 kB\nMemFree: 1 kB\n",
        "system": "5.10.177-android13-4 aarch64\n",
        "board": "",
    }


def test_a_phone(pixel):
    facts = describe_facts(pixel, serial="A1", kind="adb")
    assert (facts.manufacturer, facts.model, facts.soc) == ("Google", "Pixel 6", "Tensor")
    assert (facts.android_version, facts.sdk, facts.build_type) == ("14", 34, "user")
    assert facts.abis == ("arm64-v8a", "armeabi-v7a", "armeabi")
    assert (facts.kernel, facts.architecture) == ("5.10.177-android13-4", "aarch64")
    assert (facts.asimddp, facts.i8mm, facts.sme) == (True, False, False)
    assert facts.asimdhp is True
    assert facts.memory_bytes == 7759196 * 1024
    assert [core.cluster for core in facts.cores] == [0, 0, 0, 0, 1, 1, 2, 2]
    assert describe_clusters(facts.cores) == (
        "2x Cortex-X1 2.80 GHz + 2x Cortex-A76 2.25 GHz + 4x Cortex-A55 1.80 GHz"
    )
    assert not facts.emulated


@pytest.mark.parametrize(
    ("present", "online", "offline"),
    [
        ("0-7\n", "0-5,7\n", (6,)),
        ("0-7\n", "0-7\n", ()),
        ("0-3,6-7\n", "1\n", (0, 2, 3, 6, 7)),
        ("0-7\n", "", ()),
        ("", "0-7\n", ()),
        ("0-999,1000,3-1\n", "0-254\n", (255,)),
    ],
)
def test_cpus_that_are_off_are_told(pixel, present, online, offline):
    told = pixel | {"present": present, "online": online}
    assert describe_facts(told, serial="A1", kind="adb").offline == offline


def test_a_phone_that_tells_its_soc_in_cpuinfo_only(dump):
    facts = describe_facts({"cpuinfo": dump("cpuinfo-msm8917.txt")}, serial="A1", kind="adb")
    assert facts.soc == "Qualcomm Technologies, Inc MSM8917"
    assert (facts.asimddp, facts.asimdhp) == (False, False)
    assert describe_clusters(facts.cores) == "4x Cortex-A53"


def test_a_device_that_tells_nothing():
    facts = describe_facts({}, serial="A1", kind="adb")
    assert facts.cores == ()
    assert facts.asimddp is None
    assert facts.memory_bytes is None
    assert not facts.emulated
    state = describe_state({})
    assert state.thermal_status is None
    assert state.busy_s is None
    assert state.temperatures == ()


@pytest.mark.parametrize(
    ("properties", "architecture", "reason"),
    [
        ({"ro.boot.qemu": "1"}, "aarch64", "ro.boot.qemu is 1"),
        ({"ro.kernel.qemu": "1"}, "aarch64", "ro.kernel.qemu is 1"),
        ({"ro.hardware": "ranchu"}, "x86_64", "ro.hardware is ranchu"),
        ({"ro.boot.qemu": "0"}, "x86_64", None),
        ({}, "aarch64", "/proc/cpuinfo of an aarch64 device names AuthenticAMD"),
    ],
)
def test_what_gives_an_emulator_away(dump, properties, architecture, reason):
    table = parse_cpu_table(dump("cpuinfo-x86.txt"))
    assert emulation(properties, table, architecture, "") == reason


def test_a_virtual_cpu_is_an_emulator():
    table = CpuTable(cpus={0: CpuInfo(name="QEMU Virtual CPU version 2.5+")})
    assert emulation({}, table, "x86_64", "") == "/proc/cpuinfo names QEMU Virtual CPU version 2.5+"


@pytest.mark.parametrize(
    ("shell", "reason"),
    [
        ("/usr/bin/qemu-aarch64-static\n/bin/sh\n", "its programs are run by qemu-aarch64-static"),
        ("/usr/libexec/shell\n/usr/bin/qemu-aarch64\n", "its programs are run by qemu-aarch64"),
        ("/system/bin/sh\nsh\n", None),
        ("", None),
    ],
)
def test_an_emulator_of_programs_is_seen_whatever_processor_it_shows(pixel, shell, reason):
    facts = describe_facts(pixel | {"shell": shell}, serial="ssh:box", kind="ssh")
    assert (facts.emulated, facts.emulated_because) == (reason is not None, reason)


def test_the_program_behind_the_shell_is_read(local_link, monkeypatch):
    asked = []

    def describe(sections, **_):
        asked.append(sections)
        return facts

    facts = describe_facts({}, serial="A1", kind="adb")
    monkeypatch.setattr("topformer.devices.facts.reading.describe_facts", describe)
    read_facts(local_link)
    executable, name = asked[0]["shell"].splitlines()
    assert executable == str(Path("/bin/sh").resolve())
    assert name == "sh"


def test_a_state(dump):
    state = describe_state(
        {
            "stat": "cpu  100 200 300 4000 50 6 7 8 0 0\n",
            "load": "1.50 2.25 0.75 1/900 12345\n",
            "cpufiles": "/sys/devices/system/cpu/cpu1/online:1\n"
            "/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq:1200000\n"
            "/sys/devices/system/cpu/cpu1/cpufreq/scaling_max_freq:1800000\n"
            "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor:schedutil\n",
            "memory": "MemAvailable: 1000 kB\n",
            "battery": dump("battery-samsung.txt"),
            "thermal": dump("thermal-no-hal.txt"),
            "zones": dump("zones-board.txt"),
        }
    )
    assert state.busy_s == pytest.approx(613 / os.sysconf("SC_CLK_TCK"))
    assert state.load_average == (1.5, 2.25, 0.75)
    (cpu,) = state.cpus
    assert (cpu.cpu, cpu.online, cpu.current_khz, cpu.allowed_khz, cpu.governor) == (
        1, True, 1200000, 1800000, "schedutil",
    )  # fmt: skip
    assert state.memory_available_bytes == 1024000
    assert (state.battery_percent, state.power) == (100, "usb")
    assert (state.thermal_status, len(state.temperatures)) == (0, 3)


SECTIONS = ["properties", "cpuinfo", "cpufiles", "memory", "system", "board", "stat", "load",
            "battery", "thermal", "zones", "shell",
            "present", "online", "uptime"]  # fmt: skip
WORDS = st.sampled_from(
    ["processor\t: ", "0", "9" * 5000, "CPU part\t: 0x", "d05\n", "Features\t: asimddp\n",
     "[ro.a]: [",
     "]\n", "/sys/devices/system/cpu/cpu", "/cpu_capacity:", "cpu  1 2 3 4 5 6 7 8", "MemTotal: ",
     " kB\n", "\x1b]0;x\a", "\0", "²", "1.0 1.0 1.0 ", "\n"]
)  # fmt: skip
HOSTILE = st.text(max_size=200) | st.lists(WORDS, max_size=30).map("".join)


@given(st.dictionaries(st.sampled_from(SECTIONS), HOSTILE))
def test_no_text_does_harm(sections):
    facts = describe_facts(sections, serial="A1", kind="adb")
    assert msgspec.json.decode(msgspec.json.encode(facts), type=DeviceFacts) == facts
    state = describe_state(sections)
    assert msgspec.json.decode(msgspec.json.encode(state), type=DeviceState) == state
    assert describe_clusters(facts.cores).isprintable()


def test_this_machine_answers_both_scripts(local_link):
    facts = read_facts(local_link)
    assert facts.architecture == platform.machine()
    assert facts.memory_bytes is not None
    assert len(facts.cores) >= len(os.sched_getaffinity(0))
    state = read_state(local_link)
    assert state.memory_available_bytes is not None
    assert state.load_average is not None
    counted = read_counted_state(local_link)
    assert counted.state.cpus == state.cpus
    assert counted.last.at_s >= counted.first.at_s > 0
    assert (counted.last.busy_s is None) == (state.busy_s is None)
    # What is read between blocks is of a device that idles.
    assert counted.last.frequency_mhz is None


def test_looking_where_threads_run_is_over_when_the_last_counters_are_read(local_link, tmp_path):
    """The file of the number is a pipe that keeps the device waiting."""
    pid_file = tmp_path / "it's a pipe"
    os.mkfifo(pid_file)

    def tell():
        time.sleep(0.4)
        pid_file.write_text(f"{os.getpid()}\n")

    with ThreadPoolExecutor() as pool:
        pool.submit(tell)
        counted = read_counted_state(local_link, pid_file=str(pid_file))
    assert counted.last.at_s - counted.first.at_s > 0.3
    assert counted.placement.allowed_mask == mask_of(os.sched_getaffinity(0))
    assert counted.placement.last_cpus


@pytest.mark.parametrize("pid_file", [None, "/no/such"])
def test_where_no_program_is_asked_for_nothing_is_told_of_one(local_link, pid_file):
    found = read_counted_state(local_link, pid_file=pid_file)
    assert found.placement == Placement(allowed_mask=None, last_cpus=())
    assert found.last.at_s is not None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("350735.47 234388.90\n", 350735.47),
        ("", None),
        ("-1.00 2.00\n", None),
        ("1e9 2.00\n", None),
        ("9" * 400 + ".00 1.00\n", None),
    ],
)
def test_the_clock_of_a_device(text, seconds):
    assert parse_uptime(text) == seconds
