"""Child processes are dead in the end, with all that they have started."""

import signal
import time
from pathlib import Path

import pytest

from topformer.children import child


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
