"""Inputs given to a reader one after the other, in a process of their own with bounded memory.

Input `number` of a reader is made from the seed, the reader's name and the number alone, so any one
can be made again. Whatever is no value and no `TopformerError` is a failure: another exception,
a signal, more time or memory than allowed, silence.
"""

import contextlib
import ctypes
import mmap
import os
import resource
import select
import shutil
import signal
import struct
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz.mutations import mutate
from fuzz.readers import READERS, Reader, reads

# Of the processor, for one input.
MOST_S = 10.0
# Resident, and reserved, beyond what there is at the start: with the libraries, less than 2**30.
MOST_MEMORY_BYTES = 9 * 2**26
MOST_RESERVED_BYTES = 2 * 2**30
# Without a new input, however busy the machine is.
SILENCE_S = 600.0
LOOK_S = 1.0
# A reader that fails so often is given up.
MOST_DEATHS = 20


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The first of the inputs that failed in one way."""

    reader: str
    number: int
    what: str


@dataclass(kw_only=True)
class Outcome:
    """What came of the inputs of one reader."""

    reader: str
    inputs: int = 0
    # Read as values; all others were refused.
    accepted: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    # By what failed.
    failures: dict[str, Failure] = field(default_factory=dict)


def make_input(reader: Reader, seed: int, number: int) -> bytes:
    """Make one input again; the first ones are the good inputs themselves."""
    good = reader.seeds()
    if number < len(good):
        return good[number][1]
    random = Random(f"{seed} {reader.name} {number}")
    kind, data = random.choice(good)
    return mutate(kind, data, random)


class _TooSlow(BaseException):
    """An input took longer than allowed."""


class _Ledger:
    """What the child has done, where the parent sees it even when the child is killed."""

    _LAYOUT = struct.Struct("<QQQ")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self._LAYOUT.size)

    def write(self, number: int, accepted: int, memory_bytes: int) -> None:
        self._memory[:] = self._LAYOUT.pack(number, accepted, memory_bytes)

    def read(self) -> tuple[int, int, int]:
        return self._LAYOUT.unpack(self._memory[:])


def try_reader(reader: Reader, *, seed: int, first: int, count: int) -> Outcome:
    """Give a reader inputs `first` to `first + count`; those that kill their process are noted."""
    outcome = Outcome(reader=reader.name)
    began, at, deaths = time.monotonic(), first, 0
    with tempfile.TemporaryDirectory(prefix="topformer-fuzz-") as folder:
        while at < first + count and deaths < MOST_DEATHS:
            report = Path(folder, "report")
            report.write_text("")
            ledger = _Ledger()
            ledger.write(at, 0, 0)
            death = _wait(_start(reader, seed, at, first + count, ledger, report), ledger)
            at, accepted, memory_bytes = ledger.read()
            outcome.accepted += accepted
            outcome.peak_memory_bytes = max(outcome.peak_memory_bytes, memory_bytes)
            for line in report.read_text().splitlines():
                number, _, what = line.partition(" ")
                _note(outcome, int(number), what)
            if death:
                _note(outcome, at, death)
                at, deaths = at + 1, deaths + 1
    outcome.inputs, outcome.seconds = at - first, time.monotonic() - began
    return outcome


def _note(outcome: Outcome, number: int, what: str) -> None:
    failure = Failure(reader=outcome.reader, number=number, what=what)
    outcome.failures.setdefault(_key(what), failure)


def _key(what: str) -> str:
    """What two inputs that fail alike have in common."""
    return what.partition(" | ")[0]


def _start(reader: Reader, seed: int, first: int, end: int, ledger: _Ledger, report: Path) -> int:
    """Fork a process that reads inputs, and return its id."""
    reader.seeds()  # made once, here
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        _limit()
        _read_all(reader, seed, range(first, end), ledger, report)
        status = 0
    except BaseException:  # the fork must not go on as the parent
        traceback.print_exc()
    finally:
        os._exit(status)


def _limit() -> None:
    reserved = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
    limit = reserved + MOST_RESERVED_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def stop(_number, _frame):
        raise _TooSlow

    signal.signal(signal.SIGPROF, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # prctl(PR_SET_PDEATHSIG): no reader outlives the loop, however that ends.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    # Decoders in C may complain there; what matters is in the report.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _read_all(reader: Reader, seed: int, numbers: range, ledger: _Ledger, report: Path) -> None:
    accepted = peak_bytes = 0
    # What the process had once, before it was made by a fork or since, is none of an input's.
    Path("/proc/self/clear_refs").write_text("5")
    start_bytes = _largest_resident_bytes()
    good = reader.seeds()
    told: set[str] = set()
    for number in numbers:
        ledger.write(number, accepted, peak_bytes)
        data = make_input(reader, seed, number)
        what = ""
        with _folder(report.with_name("input")) as folder:
            try:
                signal.setitimer(signal.ITIMER_PROF, MOST_S)
                error = reads(reader.name, data, folder)
                accepted += error is None
                if error is not None and number < len(good):
                    what = f"a good input is refused: {error.what} {error.why}"
            except _TooSlow as error:
                what = f"more than {MOST_S:g} s: {_place(error)}"
            except BaseException as error:
                what = f"{type(error).__name__}: {_place(error)} | {str(error)[:100]!r}"
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        peak_bytes = _largest_resident_bytes() - start_bytes
        if peak_bytes > MOST_MEMORY_BYTES and not what:
            what = f"{peak_bytes / 2**20:,.0f} MB of memory"
        key = _key(what)
        if what and key not in told:
            told.add(key)
            with report.open("a") as stream:
                stream.write(f"{number} {' '.join(what.split())}\n")
        if peak_bytes > MOST_MEMORY_BYTES:  # from here on it says nothing
            break
    ledger.write(number + 1, accepted, peak_bytes)


def _largest_resident_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)  # there where an input killed the process before
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(error: BaseException) -> str:
    """Where in our code an error came from, and where in all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if "site-packages" not in one.filename]
    return " < ".join(
        f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in reversed(own[-3:])
    )


def _wait(child: int, ledger: _Ledger) -> str:
    """Wait for a child; returns how it died, or nothing when it came to its end."""
    seen, since = ledger.read(), time.monotonic()
    handle = os.pidfd_open(child)
    try:
        while not select.select([handle], [], [], LOOK_S)[0]:
            if ledger.read() != seen:
                seen, since = ledger.read(), time.monotonic()
            elif time.monotonic() - since > SILENCE_S:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return f"silence for {SILENCE_S:g} s"
    except BaseException:  # Ctrl-C: no reader outlives the loop
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(handle)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return "" if os.WEXITSTATUS(status) == 0 else "the process ended early"


def shares(count: int, names: list[str] | None = None) -> dict[str, int]:
    """How many inputs each reader gets; of several, each at least its good ones and one more."""
    chosen = [READERS[name] for name in names or READERS]
    if len(chosen) == 1:
        return {chosen[0].name: count}
    whole = sum(one.share for one in chosen)
    return {one.name: max(len(one.seeds()) + 1, round(count * one.share / whole)) for one in chosen}
