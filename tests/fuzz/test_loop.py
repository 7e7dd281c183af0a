"""The loop sees what a reader must not do, whatever that does to its process."""

import mmap
import os
import signal
import time

import pytest

from fuzz import loop, readers
from fuzz.loop import shares, try_reader
from fuzz.readers import READERS, Reader
from topformer.errors import TopformerError


def run(monkeypatch, read, *, count=6, **limits):
    one = Reader(name="planted", read=read, seeds=lambda: [("bytes", b"good")])
    monkeypatch.setitem(readers.READERS, "planted", one)
    # The process of tests is large before anything is read.
    for name, value in ({"MOST_MEMORY_BYTES": 2**40} | limits).items():
        monkeypatch.setattr(loop, name, value)
    return try_reader(one, seed=0, first=0, count=count)


def only_bad(act):
    def read(data, _folder):
        if data != b"good":
            act()

    return read


def test_values_and_refusals_are_fine(monkeypatch):
    def refuse():
        raise TopformerError("no")

    outcome = run(monkeypatch, only_bad(refuse))
    assert (outcome.inputs, outcome.accepted, outcome.failures) == (6, 1, {})


def test_memory_is_counted_beyond_what_there_was(monkeypatch):
    """Whoever runs it may hold gigabytes, and much that is free."""
    held = bytes(bytearray(range(256))) * 2**20

    def take():
        with mmap.mmap(-1, 2**26) as block:
            for position in range(0, 2**26, mmap.PAGESIZE):
                block[position] = 1

    outcome = run(monkeypatch, only_bad(take))
    assert len(held) > 2**27
    assert 2**26 <= outcome.peak_memory_bytes < 2**27


def test_other_exceptions_are_told_once_with_their_place(monkeypatch):
    (failure,) = run(monkeypatch, only_bad(lambda: 1 / 0)).failures.values()
    assert failure.number == 1
    assert "ZeroDivisionError" in failure.what
    assert "test_loop.py" in failure.what


def test_a_good_input_must_not_be_refused(monkeypatch):
    def refuse(_data, _folder):
        raise TopformerError("never")

    (failure,) = run(monkeypatch, refuse).failures.values()
    assert "a good input is refused: never" in failure.what


def test_a_signal_costs_one_input(monkeypatch):
    outcome = run(monkeypatch, only_bad(lambda: os.kill(os.getpid(), signal.SIGKILL)), count=3)
    assert outcome.inputs == 3
    assert [one.what for one in outcome.failures.values()] == ["killed by SIGKILL"]


def test_time_is_bounded(monkeypatch):
    def spin():
        while True:
            pass

    (failure,) = run(monkeypatch, only_bad(spin), count=2, MOST_S=0.2).failures.values()
    assert "more than 0.2 s" in failure.what
    stuck = only_bad(lambda: time.sleep(60))
    (failure,) = run(monkeypatch, stuck, count=2, SILENCE_S=1.0).failures.values()
    assert failure.what == "silence for 1 s"


@pytest.mark.parametrize(
    ("limits", "said"),
    [({}, "MemoryError"), ({"MOST_RESERVED_BYTES": 2**40, "MOST_MEMORY_BYTES": 1}, "MB of memory")],
)
def test_memory_is_bounded(monkeypatch, limits, said):
    taken = []
    # More than is allowed and what tests of training had this process keep, which is reused.
    act = only_bad(lambda: taken.append(bytes(8 * 2**30 if not limits else 1)))
    failures = run(monkeypatch, act, count=2, **limits).failures
    assert any(said in what for what in failures)


def test_every_reader_gets_its_share():
    found = shares(1000)
    assert set(found) == set(READERS)
    assert all(count > len(READERS[name].seeds()) for name, count in found.items())
    assert shares(7, ["checkpoint"]) == {"checkpoint": 7}
