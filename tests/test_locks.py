"""The second run in a folder is told who is at work there."""

import signal
import subprocess
import sys

import pytest

from topformer.errors import TopformerError
from topformer.locks import LOCK_NAME, only_run_in

HOLDS = """
import sys, time
from pathlib import Path
from topformer.locks import only_run_in
with only_run_in(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLDS, tmp_path, "train", "\x1b[2J"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        yield process
        process.kill()


def test_the_second_is_told_who_has_it(holder, tmp_path):
    with pytest.raises(TopformerError, match="is in use") as caught, only_run_in(tmp_path):
        pytest.fail("there are two")
    assert f"Process {holder.pid} on " in caught.value.why
    assert "train '\\x1b[2J'" in caught.value.why
    assert "since 20" in caught.value.why
    assert (tmp_path / LOCK_NAME).exists()


def test_what_a_killed_run_left_locks_nobody_out(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK_NAME).exists()
    with only_run_in(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_one_that_says_nothing_yet_is_told_too(holder, tmp_path):
    (tmp_path / LOCK_NAME).write_bytes(b"")
    with pytest.raises(TopformerError) as caught, only_run_in(tmp_path):
        pass
    assert caught.value.why == "Another run is at work there."


def test_a_folder_that_was_made_for_it_goes_unless_something_came_of_it(tmp_path):
    with only_run_in(tmp_path / "empty"):
        pass
    assert not (tmp_path / "empty").exists()
    with only_run_in(tmp_path / "used"):
        (tmp_path / "used" / "file").touch()
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["file"]


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / LOCK_NAME).symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic"), only_run_in(tmp_path):
        pass
    assert not (tmp_path / "other").exists()
