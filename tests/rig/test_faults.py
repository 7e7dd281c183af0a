"""What the real adb does when a device fails, which is what the bench has to cope with."""

import os
import signal
import subprocess

import pytest

from rig.device import wait_until

STORAGE = "/data/local/tmp"


@pytest.fixture
def device(rig):
    """Return the device, and leave it connected and idle."""
    yield rig.device
    for process in rig.processes():
        os.kill(process.pid, signal.SIGKILL)
    rig.connect()
    rig.adb("shell", f"rm -rf {STORAGE}/*")
    wait_until("nothing runs", lambda: not rig.processes())


def commands(rig):
    return [process.command for process in rig.processes()]


def begin(rig, script):
    """Start a script on the device and return adb's process."""
    command = rig.popen(
        ["adb", "-s", rig.serial, "shell", f"echo begun; {script}"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert command.stdout.readline() == "begun\n"
    return command


def state(rig):
    return rig.adb("get-state").stdout.strip()


def test_a_daemon_that_dies_leaves_torn_output_and_status_0(rig, device):
    command = begin(rig, "sleep 600; exit 7")
    wait_until("the program runs", lambda: ("/bin/sleep", "600") in commands(rig))
    device.kill_daemon()
    assert command.communicate(timeout=30)[0] == ""
    assert command.returncode == 0
    # Nothing tells the program on the device, and nobody answers for it.
    assert ("/bin/sleep", "600") in commands(rig)
    assert state(rig) != "device"
    with pytest.raises(subprocess.TimeoutExpired):
        rig.adb("wait-for-device", timeout_s=2)

    device.start()
    rig.connect()
    assert rig.adb("shell", "echo answered").stdout == "answered\n"


def test_a_killed_adb_hangs_up_on_what_it_runs(rig, device):
    command = begin(rig, "exec sleep 600")
    wait_until("the program runs", lambda: commands(rig) == [("/bin/sleep", "600")])
    command.kill()
    command.communicate()
    wait_until("nothing runs", lambda: not rig.processes())


def test_a_killed_adb_leaves_children_behind_which_can_be_killed_by_number(rig, device):
    command = begin(rig, f"sleep 600 & echo $! >{STORAGE}/pid; wait")
    wait_until("the program runs", lambda: ("/bin/sleep", "600") in commands(rig))
    command.kill()
    command.communicate()
    wait_until("the shell is gone", lambda: commands(rig) == [("/bin/sleep", "600")])
    assert rig.adb("shell", f"kill $(cat {STORAGE}/pid)").returncode == 0
    wait_until("nothing runs", lambda: not rig.processes())


def test_a_daemon_that_hangs_keeps_its_caller_waiting_and_recovers(rig, device):
    with device.hanging(), pytest.raises(subprocess.TimeoutExpired):
        rig.adb("shell", "echo answered", timeout_s=2)
    assert rig.adb("shell", "echo answered").stdout == "answered\n"


def test_a_full_device_takes_no_file_and_keeps_no_part_of_it(rig, device, tmp_path):
    (tmp_path / "large").write_bytes(bytes(2 * 2**20))
    with device.storage_of(2**20):
        done = rig.adb("push", tmp_path / "large", f"{STORAGE}/large")
    assert done.returncode == 1
    assert "No space left on device" in done.stdout + done.stderr
    assert not (rig.root / STORAGE[1:] / "large").exists()
    assert rig.adb("push", tmp_path / "large", f"{STORAGE}/large").returncode == 0


def test_an_unknown_serial_is_no_device(rig):
    done = rig.run(["adb", "-s", "nowhere:1", "shell", "true"])
    assert done.returncode == 1
    assert "device 'nowhere:1' not found" in done.stderr


def test_two_devices_want_to_be_told_apart(rig, device):
    with rig.add_device() as second:
        assert second.serial != rig.serial
        done = rig.run(["adb", "shell", "true"])
        assert done.returncode == 1
        assert "more than one device" in done.stderr
        named = ["adb", "-s", second.serial, "shell", f"echo its own >{STORAGE}/file"]
        assert rig.run(named).returncode == 0
        assert (second.root / STORAGE[1:] / "file").read_text() == "its own\n"
        assert not (rig.root / STORAGE[1:] / "file").exists()
    assert not second.root.exists()
    assert rig.run(["adb", "shell", "echo alone"]).stdout == "alone\n"


def test_no_device_is_said_to_be_none(rig):
    rig.run(["adb", "disconnect"])
    done = rig.run(["adb", "shell", "true"])
    rig.connect()
    assert done.returncode == 1
    assert "no devices/emulators found" in done.stderr


def test_a_device_without_cores_can_be_had(rig, device):
    with device.without("sys/devices/system/cpu"):
        assert rig.adb("shell", "ls /sys/devices/system/cpu").returncode == 1
    assert rig.adb("shell", "ls /sys/devices/system/cpu").returncode == 0


def test_a_program_of_the_device_can_print_garbage(rig, device):
    garbage = bytes(range(256))
    script = b"#!/bin/sh\nprintf '\\377\\000\\033[2J'\n"
    with device.replaced("proc/cpuinfo", garbage):
        for program in ("getprop", "sha256sum"):
            with device.replaced(f"usr/bin/{program}", script):
                assert rig.adb("shell", program, text=False).stdout == b"\xff\0\x1b[2J"
        assert rig.adb("shell", "cat /proc/cpuinfo", text=False).stdout == garbage
    assert rig.adb("shell", "getprop ro.boot.qemu; echo | sha256sum").stdout.startswith("1\n01ba")
