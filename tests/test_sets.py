"""Files that belong together are all old or all new."""

import errno
import os
import signal
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from topformer import sets, temporary
from topformer.errors import TopformerError
from topformer.sets import atomic_set, finish_set, write_set


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def old(tmp_path):
    for suffix in (".pte", ".json"):
        (tmp_path / f"m{suffix}").write_bytes(b"old")
    return tmp_path


def write(folder, content):
    write_set({folder / "m.pte": content, folder / "m.json": content})


def test_all_are_replaced_and_nothing_is_left_beside(old):
    write(old, b"new")
    assert read(old) == {"m.pte": b"new", "m.json": b"new"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in old.iterdir()} == {0o644}


def test_folders_are_made(tmp_path):
    write(tmp_path / "a" / "b", b"new")
    assert set(read(tmp_path / "a" / "b")) == {"m.pte", "m.json"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_write_that_fails_leaves_the_old(old, error):
    def fail():
        with atomic_set(old / "m.pte", old / "m.json") as (model, _):
            model.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert read(old) == {"m.pte": b"old", "m.json": b"old"}


def test_a_full_disk_names_the_file_that_was_asked_for(old):
    def fail():
        with atomic_set(old / "m.pte", old / "m.json") as (model, _):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(model))

    with pytest.raises(OSError, match="No space left") as caught:
        fail()
    assert caught.value.filename == str(old / "m.pte")


@pytest.fixture
def half_done(old, monkeypatch):
    """A set whose run was killed after it counted, with one of its files moved out."""

    class KilledError(BaseException):
        pass

    def move_one(folder):
        first = min(folder.iterdir())
        first.replace(folder.parent / first.name)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(sets, "move_out", move_one)
        with pytest.raises(KilledError):
            write(old, b"new")
    assert {path.name for path in old.iterdir()} == {"m.pte", "m.json", ".topformer-set-m"}
    assert (old / "m.pte").read_bytes() != (old / "m.json").read_bytes()
    return old


def test_who_reads_a_set_finishes_it_first(half_done):
    finish_set(half_done / "m.pte")
    assert read(half_done) == {"m.pte": b"new", "m.json": b"new"}


def test_who_sweeps_the_folder_finishes_it(half_done):
    temporary.sweep(half_done)
    assert read(half_done) == {"m.pte": b"new", "m.json": b"new"}


def test_the_next_set_follows_one_that_is_half_done(half_done):
    write(half_done, b"newest")
    assert read(half_done) == {"m.pte": b"newest", "m.json": b"newest"}


def test_one_that_cannot_be_finished_is_an_error(half_done, monkeypatch):
    def read_only(folder):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(sets, "move_out", read_only)
    with pytest.raises(TopformerError, match="only half in their place") as caught:
        finish_set(half_done / "m.pte")
    assert "Read-only file system" in caught.value.why


def test_where_a_file_stands_for_a_folder_nothing_is_half_done(old):
    finish_set(old / "m.pte" / "x.pte")


def test_a_link_in_a_sets_place_leads_nowhere(old, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "secret").touch()
    (old / ".topformer-set-m").symlink_to(elsewhere)
    finish_set(old / "m.pte")
    assert set(read(elsewhere)) == {"secret"}


def test_links_are_followed_and_devices_stay(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "m.pte").symlink_to(tmp_path / "b" / "real.pte")
    os.mkfifo(tmp_path / "a" / "m.json")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "a" / "m.json").read_bytes()))
    reader.start()
    while True:
        try:  # as soon as the FIFO has its reader
            write(tmp_path / "a", b"new")
            break
        except TopformerError:
            continue
    reader.join(20)
    assert got == [b"new"]
    assert (tmp_path / "a" / "m.pte").is_symlink()
    assert (tmp_path / "b" / "real.pte").read_bytes() == b"new"
    assert (tmp_path / "a" / "m.json").is_fifo()


def test_a_folder_in_the_way_is_refused_before_anything_is_written(old):
    (old / "m.json").unlink()
    (old / "m.json").mkdir()
    with pytest.raises(TopformerError, match="cannot be written"):
        write(old, b"new")
    assert (old / "m.pte").read_bytes() == b"old"


def test_a_signal_waits_while_the_files_are_moved(old, monkeypatch):
    move = temporary.move_out

    def interrupted(folder):
        signal.raise_signal(signal.SIGINT)
        move(folder)

    monkeypatch.setattr(sets, "move_out", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            write(old, b"new")
    finally:
        signal.signal(signal.SIGINT, before)
    assert read(old) == {"m.pte": b"new", "m.json": b"new"}


def test_readers_see_whole_pairs_while_one_is_replaced(tmp_path):
    """A manifest is read, then the model: a new pair may come in between."""
    from torture.cases import NAME, pair_of

    from topformer.manifest import read_manifest_of

    pairs = [pair_of(b"one"), pair_of(b"two")]
    pairs[0].write(tmp_path)
    stopped = threading.Event()

    def replace():
        while not stopped.is_set():
            for pair in pairs:
                write_set(pair.files(tmp_path))

    found, deadline = [], time.monotonic() + 20
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(replace)
        try:
            while len(found) < 40 or len(set(found)) < 2:
                if writing.done() or time.monotonic() > deadline:
                    break
                found.append(read_manifest_of(tmp_path / NAME).file.sha256)
        finally:
            stopped.set()
    writing.result()
    assert set(found) == {pair.manifest.file.sha256 for pair in pairs}
