"""The real adb and a real ARM adbd: what is read from it, and every way it can let one down."""

import time
from pathlib import Path

import pytest

from rig.device import wait_until
from support.mishaps import soon
from topformer.benchmarks.bundle.build import Bundle, BundleFile
from topformer.benchmarks.workers.device.bundle import bundle_target, install_bundle
from topformer.devices.facts.cores import choose_mask, cpus_of, describe_clusters
from topformer.devices.facts.reading import read_counted_state, read_facts, read_state
from topformer.devices.heat import gate_temperature
from topformer.devices.links.adb import AdbLink, choose_devices, connect
from topformer.devices.links.link import output_of, pull
from topformer.devices.workspace import open_workspace
from topformer.errors import TopformerError
from topformer.files import sha256_bytes

# Ignores that its pipes are gone, as a runner in the middle of a long run does.
STUBBORN = "trap '' HUP PIPE TERM; echo up; while :; do sleep 1; done"


@pytest.fixture(autouse=True)
def nothing_left(rig):
    """Hold every test to a device that is as it was."""
    yield
    wait_until("nothing of ours runs on the device", lambda: not rig.processes())
    assert list((rig.root / "data/local/tmp").iterdir()) == []


def test_the_only_device_is_chosen_and_described(rig, rig_adb):
    (device,) = choose_devices(None, all_devices=False)
    link = connect(device)
    facts = read_facts(link)
    assert (facts.serial, facts.link, facts.architecture) == (rig.serial, "adb", "aarch64")
    assert facts.emulated
    assert "qemu" in facts.emulated_because
    assert bundle_target(facts) == "aarch64"
    assert describe_clusters(facts.cores).count("+") == 2
    assert cpus_of(choose_mask("big", facts.cores)) != cpus_of(choose_mask("little", facts.cores))
    state = read_state(link)
    assert len(state.cpus) == 8
    assert state.battery_percent is not None
    assert gate_temperature(state).kind == "skin"


def test_a_device_without_its_cpus_in_sys_and_with_programs_that_print_garbage(rig, rig_link):
    with rig.device.without("sys/devices/system/cpu"):
        facts = read_facts(rig_link)
        assert len(facts.cores) == 8
        assert {core.cluster for core in facts.cores} == {0}
    garbage = b"#!/bin/sh\nhead -c 100000 /dev/urandom\n"
    with rig.device.replaced("bin/getprop", garbage), rig.device.replaced("bin/dumpsys", garbage):
        assert read_facts(rig_link).model is None
        assert read_state(rig_link).battery_percent is None
    endless = b"#!/bin/sh\nexec cat /dev/zero\n"
    with (
        rig.device.replaced("bin/getprop", endless),
        pytest.raises(TopformerError, match="printed too much"),
    ):
        read_facts(rig_link)


def test_files_go_there_and_back(rig, rig_link, tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "here").write_bytes(data)
    remote = "/data/local/tmp/odd '$(name)"
    rig_link.push(tmp_path / "here", remote)
    pull(rig_link, remote, tmp_path / "back", limit_bytes=len(data))
    assert (tmp_path / "back").read_bytes() == data
    with pytest.raises(TopformerError, match="printed too much"):
        pull(rig_link, remote, tmp_path / "less", limit_bytes=len(data) - 1)
    with pytest.raises(TopformerError, match="Copying /no/such failed") as raised:
        pull(rig_link, "/no/such", tmp_path / "missing", limit_bytes=1)
    assert "No such file" in raised.value.why
    output_of(rig_link, ["rm", remote], what="Removing")


def test_exit_statuses_and_signals_come_back(rig_link):
    assert rig_link.run(["sh", "-c", "exit 5"]).exit_status == 5
    assert rig_link.run(["sh", "-c", "kill -9 $$"]).exit_status == 137
    assert rig_link.run(["no-such-program"]).exit_status == 127


def test_a_bundle_and_a_workspace(rig, rig_link, tmp_path):
    program = b"#!/bin/sh\necho I run\n"
    (tmp_path / "topformer-runner").write_bytes(program)
    file = BundleFile(
        name="topformer-runner", size_bytes=len(program), sha256=sha256_bytes(program)
    )
    bundle = Bundle(target="aarch64", runtime_version="", compiler="", loader=None, files=(file,))
    with open_workspace(rig_link, on_left=pytest.fail) as workspace:
        command = install_bundle(workspace, tmp_path, bundle)
        assert rig_link.run(command).stdout == b"I run\n"
        tampered = rig.root / command[0].removeprefix("/")
        tampered.write_bytes(b"#!/bin/sh\necho evil\n")
        again = install_bundle(workspace, tmp_path, bundle)
    assert again != command
    assert rig_link.run(again).stdout == b"I run\n"
    assert not tampered.exists()
    output_of(rig_link, ["rm", "-r", str(Path(again[0]).parent)], what="Removing")


def test_programs_are_spoken_to_placed_and_killed_with_their_children(rig, rig_link):
    with open_workspace(rig_link, on_left=pytest.fail) as workspace:
        program = workspace.start(
            ["taskset", "1", "sh", "-c", "echo up; read x", workspace.path("x")]
        )
        assert program.conversation.read_line(timeout_s=60) == b"up"
        counted = read_counted_state(rig_link, pid_file=program.pid_file)
        assert counted.placement.allowed_mask == 1
        program.conversation.kill()
        wrapper = f"({STUBBORN}) & {STUBBORN}"
        stubborn = workspace.start(["sh", "-c", wrapper, workspace.path("x")])
        for _ in range(2):
            assert stubborn.conversation.read_line(timeout_s=60) == b"up"
        stubborn.conversation.kill()
        time.sleep(1)
        assert rig.processes()


def test_a_daemon_that_dies_in_the_middle_of_an_answer(rig, rig_link):
    """adb itself exits with 0 then."""
    try:
        with soon(rig.device.kill_daemon), pytest.raises(TopformerError) as raised:
            rig_link.run(["sh", "-c", "echo half; sleep 5; echo whole"])
        assert "lost" in raised.value.what or "offline" in raised.value.what
        with pytest.raises(TopformerError) as raised:
            rig_link.run(["true"], timeout_s=20)
        assert rig.serial in raised.value.what
        assert raised.value.next_step
    finally:
        rig.device.start()
        rig.connect()


def test_a_device_that_is_lost_for_good_is_told_what_was_left(rig, rig_link):
    told = []
    try:
        with open_workspace(rig_link, on_left=told.append) as workspace:
            program = workspace.start(["sh", "-c", STUBBORN, workspace.path("x")])
            assert program.conversation.read_line(timeout_s=60) == b"up"
            rig.device.kill_daemon()
        (text,) = told
        assert workspace.folder in text
        assert rig.processes()
    finally:
        rig.device.start()
        rig.connect()
        workspace.close()


def test_a_daemon_that_hangs(rig, rig_link):
    with rig.device.hanging():
        start_s = time.monotonic()
        with pytest.raises(TopformerError, match="does not answer"):
            rig_link.run(["true"], timeout_s=2)
        assert time.monotonic() - start_s < 60
    rig.connect()


def test_a_full_device(rig, rig_link, tmp_path):
    (tmp_path / "large").write_bytes(bytes(3 * 2**20))
    with (
        rig.device.storage_of(2**20),
        pytest.raises(TopformerError, match="is full") as raised,
        open_workspace(rig_link, on_left=pytest.fail) as workspace,
    ):
        workspace.place(tmp_path / "large", "large")
    assert "/data/local/tmp" in raised.value.next_step


def test_endless_output_ends_here_and_there(rig, rig_link):
    with pytest.raises(TopformerError, match="printed too much"):
        rig_link.run(["yes"], limit_bytes=10_000)


def test_an_unknown_serial(rig, rig_adb):
    with pytest.raises(TopformerError, match="no device called nobody any more"):
        AdbLink(adb=str(rig_adb), serial="nobody").run(["true"])


def test_several_devices(rig, rig_adb):
    with rig.add_device() as second:
        with pytest.raises(TopformerError, match="2 devices") as raised:
            choose_devices(None, all_devices=False)
        assert second.serial in raised.value.next_step
        assert len(choose_devices(None, all_devices=True)) == 2
        (chosen,) = choose_devices(second.serial, all_devices=False)
        assert read_facts(connect(chosen)).serial == second.serial
