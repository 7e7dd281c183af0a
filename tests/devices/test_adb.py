"""adb as users meet it: states, wrong choices, and answers that are torn, endless or never come."""

import os
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.devices.links import adb as adb_module
from topformer.devices.links.adb import (
    AdbLink,
    ListedDevice,
    choose_devices,
    connect,
    list_devices,
    parse_devices,
    parse_version,
)
from topformer.devices.links.failures import ADVICE
from topformer.devices.links.link import output_of, pull
from topformer.errors import TopformerError, UsageError

# Written after adb's source and documentation; serials are made up.
LISTING = b"""\
* daemon not running; starting now at tcp:5037
* daemon started successfully
List of devices attached
0A041FDD4003AB         device usb:1-1 product:oriole model:Pixel_6 device:oriole transport_id:4
emulator-5554          device product:sdk_gphone64 model:sdk_gphone64_x86_64 transport_id:1
192.168.1.5:5555       offline transport_id:2
adb-R58M-abc._adb-tls-connect._tcp device product:x model:SM_G991B device:o1s transport_id:9
R58M12ABCDE            unauthorized usb:1-2 transport_id:3
8XV7N18           no permissions (user in plugdev group; are your udev rules wrong?); see [http://x]
"""


def listing(*lines: str) -> str:
    body = "\\n".join(("List of devices attached", *lines))
    return f'[ "$1" = devices ] && printf "{body}\\n\\n"'


def test_a_listing_is_read():
    found = [(d.serial, d.state, d.model) for d in parse_devices(LISTING)]
    assert found == [
        ("0A041FDD4003AB", "device", "Pixel_6"),
        ("emulator-5554", "device", "sdk_gphone64_x86_64"),
        ("192.168.1.5:5555", "offline", None),
        ("adb-R58M-abc._adb-tls-connect._tcp", "device", "SM_G991B"),
        ("R58M12ABCDE", "unauthorized", None),
        ("8XV7N18", "no permissions", None),
    ]


def states(listing: str | bytes) -> list[tuple[str, str]]:
    data = listing if isinstance(listing, bytes) else listing.encode()
    return [(device.serial, device.state) for device in parse_devices(data)]


TLS = "adb-0123ABC-x1y2z3 (2)._adb-tls-connect._tcp"
HELP = "; see [http://developer.android.com/tools/device.html]"


@pytest.mark.parametrize(
    ("line", "serial", "state"),
    [
        (f"{TLS} device product:p model:M device:d transport_id:3", TLS, "device"),
        (f"{TLS}. device transport_id:3", f"{TLS}.", "device"),
        (f"{TLS} offline transport_id:3", TLS, "offline"),
        (f"{TLS} offline", TLS, "offline"),
        (f"{TLS}\tunauthorized", TLS, "unauthorized"),
        ("my device (10) offline product:p", "my device (10)", "offline"),
        ("a host device device usb:1-1", "a host device", "device"),
        ("X1      device product:My Phone model:M", "X1", "device"),
        ("X1\tdevice\tusb:1-1\tmodel:M", "X1", "device"),
        ("???????????? no permissions", "????????????", "no permissions"),
        ("????????????\tno permissions usb:1-1", "????????????", "no permissions"),
        (f"(no serial number)     no permissions{HELP}", "(no serial number)", "no permissions"),
        (f"no permissions (a; b?){HELP} usb:1-2", "(no serial number)", "no permissions"),
        ("                       no permissions usb:1-2", "(no serial number)", "no permissions"),
        ("no permissions", "(no serial number)", "no permissions"),
        ("\toffline", "(no serial number)", "offline"),
        ("                       device usb:1-2", "(no serial number)", "device"),
        ("  X1 device", "X1", "device"),
        ("device offline", "device", "offline"),
        ("(no serial number)\tno permissions", "(no serial number)", "no permissions"),
        ("(no serial number) device usb:1-2", "(no serial number)", "device"),
        (f"X1 no permissions (user a (b) is not in the plugdev group){HELP} usb:1-2 "
         "transport_id:1", "X1", "no permissions"),
        (f"X1  no permissions{HELP}", "X1", "no permissions"),
        ("X1 no permissions (verify udev rules); see [http://x]", "X1", "no permissions"),
        ("adb-unix device transport_id:1", "adb-unix", "device"),
        ("emulator-5554\thost", "emulator-5554", "host"),
        ("X1 quarantined transport_id:1", "X1", "quarantined"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n", "  \r\n"])
def test_every_form_of_line_is_read(line, serial, state, end):
    assert states(f"List of devices attached{end}{line}{end}{end}") == [(serial, state)]


@pytest.mark.parametrize("state", ["device", *ADVICE])
@pytest.mark.parametrize("gap", ["\t", " ", "        "])
@pytest.mark.parametrize("details", ["", " usb:1-1 transport_id:1"])
def test_every_state_of_adb_is_known_and_has_advice(state, gap, details):
    (device,) = parse_devices(f"X1{gap}{state}{details}\r\n".encode())
    assert (device.serial, device.state) == ("X1", state)
    assert bool(device.advice) == (state != "device")


@pytest.mark.parametrize(
    "remark",
    [
        "adb server version (32) doesn't match this client (41); killing...",
        "adb server is out of date.  killing...",
        "* daemon not running. starting it now on port 5037 *",
        "* daemon not running; starting now at tcp:5037",
        "* daemon started successfully *",
        "daemon started successfully",
        "adb.exe: device offline",
        "adb: device offline",
        "error: device offline",
        "error: device unauthorized",
        "cannot reach that device",
        "could not connect to host",
        "ADB server didn't ACK",
        "waiting for device",
        "- waiting for device -",
        "Killed server",
        "Server had pid: 4711",
        "Full server startup log: /tmp/adb.1000.log",
        "--- adb starting (pid 4711) ---",
        "connected to 192.168.1.5:5555",
        "unable to connect to host:5555",
        "List of devices attached",
        "",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_remarks_are_no_devices_wherever_they_stand(remark, end):
    lines = [remark, "List of devices attached", remark, "X1\tdevice", remark]
    assert states(end.join(lines)) == [("X1", "device")]


def test_devices_without_a_serial_do_not_hide_each_other(fake_adb):
    lines = ("(no serial number) no permissions", "(no serial number) no permissions", "A1 device")
    fake_adb(listing(*lines))
    assert len(list_devices()) == 3
    # By one choice one device is meant, or `--serial` would be a fleet of its own.
    assert len(choose_devices("(no serial number)", all_devices=False)) == 1
    with pytest.raises(TopformerError) as raised:
        choose_devices(None, all_devices=False)
    assert raised.value.next_step == "Choose with --serial one of A1."
    fake_adb(listing("(no serial number) device"))
    (device,) = choose_devices(None, all_devices=False)
    with pytest.raises(TopformerError) as raised:
        connect(device)
    assert "no serial number" in raised.value.next_step


def test_a_serial_with_blanks_goes_all_the_way(fake_adb, tmp_path):
    path = fake_adb(listing(f"{TLS} device", "B2 device"))
    with pytest.raises(TopformerError) as raised:
        choose_devices(None, all_devices=False)
    assert f"'{TLS}', B2" in raised.value.next_step  # to be copied into a shell
    (device,) = choose_devices(TLS, all_devices=False)
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\n')
    with pytest.raises(TopformerError, match="lost"):
        AdbLink(adb=str(path), serial=device.serial).run(["true"])
    assert (tmp_path / "words").read_text().splitlines()[:3] == ["-s", TLS, "shell"]


@pytest.mark.parametrize("stream", [1, 2])
def test_versions_that_end_each_others_server_are_told_where_no_device_is_seen(fake_adb, stream):
    says = f'echo "adb server version (32) doesn\'t match this client (41); killing..." >&{stream}'
    fake_adb(f"{says}; {listing()}")
    with pytest.raises(TopformerError, match="of another version") as raised:
        list_devices()
    assert "(32)" in raised.value.why
    assert "adb kill-server" in raised.value.next_step
    fake_adb(f"{says}; {listing('A1 device')}")
    assert [device.serial for device in list_devices()] == ["A1"]


WORDS = st.sampled_from(
    ["device", "offline", "no permissions", "host", "usb:1-1", "model:M", "(2)", "*", "adb", "?",
     "\t", " ", "\r", "\n", "List of devices attached", "-s", "\x1b[2J", "transport_id:1", "X1"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=40).map("".join))
def test_a_listing_of_adbs_own_words_gives_serials_that_are_safe(text):
    for device in parse_devices(text.encode()):
        assert not device.serial.startswith("-")
        assert device.serial.isprintable()
        assert device.serial == device.serial.strip()
        assert device.state == "device" or device.advice


def test_a_hostile_line_costs_little():
    start_s = time.monotonic()
    for line in (
        "A" + " " * 65_000 + "B",
        "A " * 30_000,
        "device " * 9000,
        "A" + "\t" * 1900 + "1",
    ):
        assert states(line) == []
    assert time.monotonic() - start_s < 5


@given(st.binary(max_size=2000) | st.text(max_size=500).map(str.encode))
def test_any_listing_is_read_or_passed_over(data):
    for device in parse_devices(data):
        assert not device.serial.startswith("-")
        assert device.serial.isascii()
        assert device.serial.isprintable()
    parse_version(data)


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("bootloader", "fastboot reboot"),
        ("detached", "adb attach"),
        ("unknown", "adb kill-server"),
        ("new-fangled", "Restart the device into Android"),
        ("unauthorized", "allow this computer"),
        ("offline", "reconnect offline"),
        ("no permissions", "udev"),
        ("recovery", "Restart the device into Android"),
    ],
)
def test_a_device_that_cannot_be_used_says_what_to_do(state, advice):
    with pytest.raises(TopformerError, match=f"X1 is {state}") as raised:
        connect(ListedDevice(serial="X1", state=state, model=None))
    assert advice in raised.value.next_step


def test_no_adb_names_the_package(monkeypatch):
    monkeypatch.setenv("ADB", "no-such-adb")
    with pytest.raises(TopformerError, match="'no-such-adb' was not found") as raised:
        list_devices()
    assert "apt install adb" in raised.value.next_step


@pytest.mark.parametrize("version", ["1.0.32", "nonsense"])
def test_an_old_adb_is_refused(fake_adb, version):
    fake_adb("", version=version)
    with pytest.raises(TopformerError, match="too old"):
        list_devices()


def test_no_device(fake_adb):
    fake_adb(listing())
    with pytest.raises(TopformerError, match="adb sees no device") as raised:
        choose_devices(None, all_devices=False)
    assert "USB debugging" in raised.value.next_step


def test_the_only_device_needs_no_choice(fake_adb):
    fake_adb(listing("A1 device"))
    (device,) = choose_devices(None, all_devices=False)
    assert connect(device).name == "A1"


def test_several_devices_want_a_choice(fake_adb, monkeypatch):
    fake_adb(listing("A1 device", "B2 unauthorized"))
    with pytest.raises(TopformerError, match="2 devices") as raised:
        choose_devices(None, all_devices=False)
    assert "A1, B2" in raised.value.next_step
    assert [d.serial for d in choose_devices("B2", all_devices=False)] == ["B2"]
    assert [d.serial for d in choose_devices(None, all_devices=True)] == ["A1", "B2"]
    monkeypatch.setenv("ANDROID_SERIAL", "A1")
    assert [d.serial for d in choose_devices(None, all_devices=False)] == ["A1"]
    assert [d.serial for d in choose_devices(None, all_devices=True)] == ["A1", "B2"]


def test_an_unknown_serial_names_the_known_ones(fake_adb):
    fake_adb(listing("A1 device"))
    with pytest.raises(TopformerError, match="no device called 'Z9'") as raised:
        choose_devices("Z9", all_devices=False)
    assert "A1" in raised.value.next_step
    with pytest.raises(UsageError):
        choose_devices("A1", all_devices=True)


@pytest.mark.parametrize(
    ("stderr", "complaint"),
    [
        ("adb: device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set", "not allow"),
        ("adb: device offline", "A1 is offline"),
        ("adb: device 'A1' not found", "no device called A1 any more"),
        ("adb: no devices/emulators found", "sees no device"),
        ("adb: more than one device/emulator", "several devices"),
        ("adb: insufficient permissions for device: user in plugdev group", "may not be used"),
        ("adb server version (32) doesn't match this client (41); killing...", "another version"),
        ("* failed to start daemon\nerror: cannot connect to daemon", "does not start"),
        ("error: closed", "lost in the middle"),
        ("", "lost in the middle"),
    ],
)
def test_what_adb_says_instead_of_an_answer_is_explained(fake_adb, tmp_path, stderr, complaint):
    (tmp_path / "says").write_text(stderr)
    path = fake_adb(f'cat {tmp_path}/says >&2; [ "$1" = push ]; exit 1')
    with pytest.raises(TopformerError, match=complaint):
        AdbLink(adb=str(path), serial="A1").run(["true"])


def test_a_torn_answer_with_exit_status_0_is_none(fake_adb):
    path = fake_adb("echo half an answer")
    with pytest.raises(TopformerError, match="lost in the middle of an answer"):
        AdbLink(adb=str(path), serial="A1").run(["true"])


def test_an_answer_is_run_by_the_devices_shell(fake_adb, tmp_path):
    path = fake_adb('shift; exec sh -c "$*"')
    link = AdbLink(adb=str(path), serial="A1")
    finished = link.run(["sh", "-c", "echo out; echo error >&2; exit 4"])
    assert (finished.exit_status, finished.stdout, finished.stderr) == (4, b"out\n", b"error\n")
    with pytest.raises(TopformerError, match="Looking failed on A1") as raised:
        output_of(link, ["sh", "-c", "echo reason >&2; exit 1"], what="Looking")
    assert raised.value.why == "reason"
    (tmp_path / "there").write_bytes(bytes(range(256)))
    pull(link, f"{tmp_path}/there", tmp_path / "here", limit_bytes=256)
    assert (tmp_path / "here").read_bytes() == bytes(range(256))
    with pytest.raises(TopformerError, match="printed too much"):
        pull(link, f"{tmp_path}/there", tmp_path / "smaller", limit_bytes=150)
    assert not (tmp_path / "smaller").exists()


def test_endless_output_is_cut(fake_adb):
    path = fake_adb("exec yes")
    link = AdbLink(adb=str(path), serial="A1")
    with pytest.raises(TopformerError, match="printed too much"):
        link.run(["cat"], limit_bytes=1000)
    path = fake_adb("exec yes >&2")
    with pytest.raises(TopformerError, match="printed too much"):
        link.run(["cat"])


def test_a_silent_device_ends_in_bounded_time_with_its_client_dead(fake_adb, tmp_path):
    path = fake_adb(f"echo $$ > {tmp_path}/pid; exec sleep 600")
    start_s = time.monotonic()
    with pytest.raises(TopformerError, match="A1 does not answer") as raised:
        AdbLink(adb=str(path), serial="A1").run(["true"], timeout_s=0.5)
    assert "within 0.5 s" in raised.value.why
    assert time.monotonic() - start_s < 60
    pid = int((tmp_path / "pid").read_text())
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        return b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_full_device(fake_adb, tmp_path):
    path = fake_adb("echo \"adb: error: failed to copy 'x': remote couldn't write file: "
                    'No space left on device" >&2; exit 1')  # fmt: skip
    with pytest.raises(TopformerError, match="A1 is full"):
        AdbLink(adb=str(path), serial="A1").push(tmp_path, "/data/local/tmp/x")


def test_a_listing_that_never_comes(fake_adb, monkeypatch):
    monkeypatch.setattr(adb_module, "LISTING_TIMEOUT_S", 0.5)
    fake_adb("exec sleep 600")
    with pytest.raises(TopformerError, match="adb does not answer"):
        list_devices()


def test_a_server_that_does_not_start(fake_adb):
    fake_adb("echo 'adb: cannot connect to daemon at tcp:5037' >&2; exit 1")
    with pytest.raises(TopformerError, match="server of adb does not start"):
        list_devices()


def test_ctrl_c_ends_the_client_too(fake_adb, tmp_path):
    path = fake_adb(f"echo $$ > {tmp_path}/pid; kill -INT {os.getpid()}; exec sleep 600")
    # Shells let what they start in the background ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            AdbLink(adb=str(path), serial="A1").run(["true"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert not alive(int((tmp_path / "pid").read_text()))
