"""What killed runs left is swept; what somebody uses is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from topformer.temporary import PREFIX, SET_PREFIX, sweep, temporary_file, temporary_folder

HOLDS = """
import sys, time
from pathlib import Path
from topformer.temporary import temporary_file, temporary_folder
folder = Path(sys.argv[1])
with temporary_file(folder) as file, temporary_folder(folder) as inner:
    (inner / "result").touch()
    print("up", flush=True)
    time.sleep(600)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_used_is_left_alone_and_what_its_owner_left_is_swept(tmp_path):
    owner = subprocess.Popen([sys.executable, "-c", HOLDS, tmp_path], stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout.readline() == b"up\n"
        before = names(tmp_path)
        assert len(before) == 2
        sweep(tmp_path)
        assert names(tmp_path) == before
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_nothing_but_ours_is_swept(tmp_path):
    kept = [".topformer-lock", ".topformer-abc", ".topformer-12345678.json", "x.part", ".hidden"]
    for name in kept:
        (tmp_path / name).touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    (tmp_path / f"{PREFIX}a1b2c3d4").symlink_to(elsewhere)
    (tmp_path / f"{SET_PREFIX}model").symlink_to(elsewhere)
    (tmp_path / f"{PREFIX}a1b2c3d5.part").touch()
    sweep(tmp_path)
    links = [f"{PREFIX}a1b2c3d4", f"{SET_PREFIX}model"]
    assert names(tmp_path) == sorted([*kept, "elsewhere", *links])
    assert names(elsewhere) == ["file"]


def test_a_folder_that_cannot_be_looked_at_is_no_error(tmp_path):
    sweep(tmp_path / "missing")


@pytest.mark.parametrize("make", [temporary_file, temporary_folder])
def test_they_go_in_the_end_unless_they_were_renamed(tmp_path, make):
    with pytest.raises(RuntimeError), make(tmp_path):
        raise RuntimeError
    assert names(tmp_path) == []
    with make(tmp_path) as path:
        path.rename(tmp_path / "kept")
    assert names(tmp_path) == ["kept"]


@pytest.mark.parametrize("make", [temporary_file, temporary_folder])
def test_one_that_is_swept_as_it_is_made_is_made_again(tmp_path, make, monkeypatch):
    import fcntl

    lock, made = fcntl.flock, []

    def swept_first(handle, flags):
        if not made:
            made.append(next(tmp_path.iterdir()))
            (os.rmdir if made[0].is_dir() else os.unlink)(made[0])
        lock(handle, flags)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    with make(tmp_path) as path:
        assert path != made[0]
        assert path.exists()


def test_where_there_are_no_locks_nothing_is_swept(tmp_path, monkeypatch):
    import fcntl

    def unsupported(handle, flags):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with temporary_file(tmp_path) as path:
        sweep(tmp_path)
        assert path.exists()


def test_sweeping_takes_no_time_from_others(tmp_path):
    """A FIFO of such a name does not hold it up."""
    os.mkfifo(tmp_path / f"{PREFIX}a1b2c3d4")
    began = time.monotonic()
    sweep(tmp_path)
    assert time.monotonic() - began < 5
    assert Path(tmp_path).is_dir()
