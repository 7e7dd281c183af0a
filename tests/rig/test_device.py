"""The device answers as a phone does, through the real adb."""

import os

import pytest

from rig.hardware import CLUSTERS
from rig.root import EMULATED_CPU


def shell(rig, script, **options):
    done = rig.adb("shell", script, **options)
    assert done.returncode == 0, done
    return done.stdout


def test_adb_sees_one_device(rig):
    listed = rig.run(["adb", "devices"]).stdout.splitlines()
    assert listed[1:] == [f"{rig.serial}\tdevice", ""]


def test_it_is_an_arm_machine_whose_shell_is_root(rig):
    assert shell(rig, "uname -m; id -u; pwd").split() == ["aarch64", "0", "/"]


@pytest.mark.parametrize("status", [0, 1, 2, 127, 255])
def test_exit_statuses_come_back(rig, status):
    assert rig.adb("shell", f"exit {status}").returncode == status


@pytest.mark.parametrize(("name", "status"), [("KILL", 137), ("TERM", 143)])
def test_a_program_killed_by_a_signal_says_so(rig, name, status):
    assert rig.adb("shell", f"sh -c 'kill -{name} $$'").returncode == status


def test_output_and_errors_come_apart(rig):
    done = rig.adb("shell", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_input_reaches_the_program(rig):
    assert shell(rig, "cat; echo end", input="words\n") == "words\nend\n"


def test_files_go_there_and_back(rig, tmp_path):
    data = os.urandom(300_001)
    (tmp_path / "there").write_bytes(data)
    remote = "/data/local/tmp/not there yet/file"
    assert rig.adb("push", tmp_path / "there", remote).returncode == 0
    assert (rig.root / remote[1:]).read_bytes() == data
    assert rig.adb("pull", remote, tmp_path / "back").returncode == 0
    assert (tmp_path / "back").read_bytes() == data
    shell(rig, "rm -r '/data/local/tmp/not there yet'")


def test_a_missing_file_cannot_be_pulled(rig, tmp_path):
    done = rig.adb("pull", "/data/local/tmp/missing", tmp_path / "back")
    assert done.returncode == 1
    assert not (tmp_path / "back").exists()


def test_temporary_files_land_where_android_has_them(rig):
    path = shell(rig, "mktemp").strip()
    assert path.startswith("/data/local/tmp/")
    shell(rig, f"rm {path}")


def test_properties_say_that_it_is_emulated(rig):
    assert shell(rig, "getprop ro.boot.qemu; getprop ro.kernel.qemu").split() == ["1", "1"]
    assert shell(rig, "getprop no.such.property") == "\n"
    assert "[ro.product.cpu.abi]: [arm64-v8a]\n" in shell(rig, "getprop")


def test_it_claims_eight_cores_in_three_clusters(rig):
    cpuinfo = shell(rig, "cat /proc/cpuinfo")
    assert cpuinfo.count("processor\t: ") == 8
    assert cpuinfo.count("CPU part\t: 0xd0b\n") == 8
    assert "asimddp" in cpuinfo
    frequencies = shell(rig, "cat /sys/devices/system/cpu/cpu[0-7]/cpufreq/cpuinfo_max_freq")
    assert len(frequencies.split()) == 8
    assert set(map(int, frequencies.split())) == {cluster.maximum_khz for cluster in CLUSTERS}


def test_android_services_answer(rig):
    assert "temperature: 287" in shell(rig, "dumpsys battery")
    assert "Thermal Status: 0" in shell(rig, "dumpsys thermalservice")
    assert rig.adb("shell", "dumpsys nothing").returncode == 20


def test_programs_can_be_bound_to_cores_of_the_host(rig):
    core = min(os.sched_getaffinity(0))
    mask = shell(rig, f"taskset {1 << core:x} grep Cpus_allowed_list: /proc/self/status")
    assert mask.split() == ["Cpus_allowed_list:", str(core)]


def test_nothing_but_the_device_is_on_its_network(rig):
    devices = shell(rig, "cat /proc/net/dev").splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]


def test_its_storage_is_empty_and_nothing_runs_between_tests(rig):
    assert shell(rig, "ls -A /data/local/tmp") == ""
    assert rig.processes() == []


def test_the_processor_cannot_be_chosen_by_the_environment(rig, arm_program):
    """MIDR_EL1 names the processor: 0x41 is ARM, 0xd0b the Cortex-A76."""
    program = arm_program(
        "#include <stdio.h>\nint main(void) { unsigned long midr;"
        ' __asm__("mrs %0, midr_el1" : "=r"(midr)); printf("%lx\\n", midr); }'
    )
    assert EMULATED_CPU == "cortex-a76"
    for environment in ("", "QEMU_CPU=max", "-i"):
        midr = int(shell(rig, f"env {environment} {program}"), 16)
        assert (midr >> 24, midr >> 4 & 0xFFF) == (0x41, 0xD0B)
