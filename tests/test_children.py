"""Child processes are dead in the end, with all that they have started."""

import os
import signal
import time
from pathlib import Path

import pytest

from topformer.children import child, run_bounded


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    "script",
    [
        "trap '' TERM; sleep 600 & echo $!; wait",
        "(trap '' TERM; exec sleep 600) & echo $!; exec sleep 600",  # ends well and leaves its own
    ],
)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_outlives_the_context(script, error):
    def work():
        with child(["sh", "-c", script], first_signal=signal.SIGTERM, grace_s=0.2) as process:
            found.extend((process, int(process.stdout.readline())))
            assert runs(found[1])
            raise error

    found = []
    with pytest.raises(error):
        work()
    process, grandchild = found
    assert process.returncode < 0
    deadline = time.monotonic() + 20
    while runs(grandchild) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not runs(grandchild)


def test_one_that_is_asked_first_may_clean_up(tmp_path):
    mark = tmp_path / "mark"
    script = f"trap 'touch {mark}; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    with child(["sh", "-c", script], first_signal=signal.SIGTERM, grace_s=20) as process:
        assert process.stdout.readline() == b"up\n"
    assert (process.returncode, mark.exists()) == (0, True)


def test_something_is_done_while_a_program_runs():
    read, write = os.pipe()
    finished = run_bounded(
        ["sh", "-c", f"read line < /proc/{os.getpid()}/fd/{read}; echo $line"],
        timeout_s=60,
        limit_bytes=100,
        meanwhile=lambda: os.write(write, b"done\n"),
    )
    assert finished.stdout == b"done\n"


def test_what_fails_meanwhile_ends_the_program(tmp_path):
    pid = tmp_path / "pid"

    def meanwhile():
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.01)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_bounded(
            ["sh", "-c", f"echo $$ > {pid}; exec sleep 600"],
            timeout_s=60,
            limit_bytes=100,
            meanwhile=meanwhile,
        )
    assert not runs(int(pid.read_text()))
