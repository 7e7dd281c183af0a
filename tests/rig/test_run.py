"""`tests/rig/run` and `make rig` give back what their command gave, and leave nothing."""

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from rig.device import wait_until
from rig.namespace import processes
from support.lacking import lacking

ROOT = Path(__file__).parent.parent.parent
RUN = ROOT / "tests/rig/run"
# Without the rig of these tests there is no other either, and they are skipped with its reason.
pytestmark = pytest.mark.usefixtures("arm_runner", "installed")
# The network tells the processes of one rig from those of all others.
NETWORK = "readlink /proc/self/ns/net"


@pytest.fixture
def installed():
    """Have the environment that `make rig` would make."""
    if not (ROOT / ".venv/installed").exists():
        lacking("no .venv/installed: `make .venv/installed` makes it")


def call(*command):
    return subprocess.run(
        [*map(str, command)], cwd=ROOT, check=False, capture_output=True, text=True, timeout=300
    )


def users_of(network):
    """Return what runs on a network, by number."""
    found = {}
    for path in processes():
        with suppress(OSError):
            if str((path / "ns/net").readlink()) == network:
                found[int(path.name)] = (path / "cmdline").read_bytes()
    return found


def wait_until_unused(network):
    assert network.startswith("net:[")
    wait_until("nothing is left of the rig", lambda: not users_of(network))


def test_output_and_status_are_the_commands_own():
    done = call(RUN, "adb", "shell", "echo out; echo err >&2; exit 5")
    assert (done.stdout, done.returncode) == ("out\n", 5)
    assert done.stderr == "err\n"


def test_make_passes_on_pipes_quotes_and_dollars():
    command = """echo 'it'"'"'s' "$((6 * 7))" | tr a-z A-Z; adb shell 'echo $0'"""
    done = call("make", "--no-print-directory", "rig", f"RUN={command}")
    assert (done.stdout, done.returncode) == ("IT'S 42\n/bin/sh\n", 0)


def test_make_turns_a_failure_into_its_own():
    done = call("make", "--no-print-directory", "rig", "RUN=adb shell exit 5")
    assert (done.stdout, done.returncode) == ("", 2)


def test_a_failing_command_leaves_nothing():
    # It leaves a program on the device, and one here beside it.
    script = (
        f"{NETWORK}; adb shell 'setsid sleep 600 >/dev/null 2>&1 &'; sleep 601 >&- 2>&- & exit 3"
    )
    done = call(RUN, "sh", "-c", script)
    assert done.returncode == 3
    wait_until_unused(done.stdout.strip())


@contextmanager
def running(script):
    """Start a script beside a rig of its own, in a group of its own, and have it ended whatever."""
    process = subprocess.Popen(
        [RUN, "sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, 1)]
)
def test_signals_reach_the_command_and_leave_nothing(number, status):
    script = f"trap 'exit 1' INT; {NETWORK}; adb shell 'echo begun; sleep 600'"
    with running(script) as process:
        network = process.stdout.readline().strip()
        assert process.stdout.readline() == "begun\n"
        assert users_of(network)
        # As a terminal does it: the whole group of processes is told.
        os.killpg(process.pid, number)
        assert process.wait(timeout=60) == status
        wait_until_unused(network)


def test_a_killed_rig_leaves_no_device():
    with running(f"{NETWORK}; exec sleep 600") as process:
        network = process.stdout.readline().strip()
        process.kill()
        # Nobody is left to end the command, but its device is gone.
        alone = [b"sleep\000600\000"]
        wait_until("only the command is left", lambda: [*users_of(network).values()] == alone)
    wait_until_unused(network)
