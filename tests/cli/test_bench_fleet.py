"""Several benches side by side, with small programs in place of `topformer bench`."""

import os
import signal
import subprocess
import sys

import msgspec
import pytest

from support.bench_fakes import REQUESTS, scripted_bench
from topformer.errors import TopformerError
from topformer.verbs.bench import fleet as bench_fleet
from topformer.verbs.bench import run as bench_run
from topformer.verbs.bench.choice import BenchChoice
from topformer.verbs.bench.fleet import Done, Event, Failed, Step, Warned

pytestmark = pytest.mark.slow

LOST = msgspec.json.encode(Failed(what="lost", why="", next_step="")).decode()
WARMING = msgspec.json.encode(Step(text="warming")).decode()
LEFT = msgspec.json.encode(Warned(text="a folder is left there")).decode()


@pytest.fixture
def fleet():
    """Run Python programs as the benches of devices; returns the document and what was told."""

    def run(**programs):
        told = []
        document = bench_fleet.bench_fleet(
            {name: [sys.executable, "-c", text] for name, text in programs.items()},
            on_progress=lambda text: told.append(("stage", text)),
            on_warning=lambda text: told.append(("warning", text)),
        )
        return document, told

    return run


@pytest.fixture
def good(tmp_path):
    document = scripted_bench(REQUESTS[:2])
    path = tmp_path / "good.json"
    path.write_bytes(msgspec.json.encode(Done(document=document)))
    return f"print(open({str(path)!r}).read())"


def test_rows_of_all_devices_stand_in_one_document_under_their_names(fleet, good):
    document, told = fleet(
        a=f"import sys; print({WARMING!r}); print('noise', file=sys.stderr); print({LEFT!r}); "
        f"{good}",
        b=good,
    )
    assert [row.name.partition(": ")[0] for row in document.rows] == ["a", "a", "b", "b"]
    names = {row.name for row in document.rows}
    assert all({pair.contender, pair.baseline} <= names for pair in document.comparisons)
    assert len(document.comparisons) == 2
    assert document.states == ()
    assert told == [("stage", "a: warming"), ("warning", "a: a folder is left there")]


@pytest.mark.parametrize(
    ("program", "what", "why"),
    [
        ("import sys; sys.exit('no cable')", "ended without a result", "no cable"),
        (f"print({WARMING!r})", "ended without a result", ""),
        ("print('nonsense'); import time; time.sleep(600)", "ended without a result",
         "something else than events"),
        ("import os; os.kill(os.getpid(), 9)", "ended without a result", ""),
        (f"print({LOST!r})", "lost", ""),
    ],
)  # fmt: skip
def test_one_that_fails_is_told_beside_those_that_do_not(fleet, good, program, what, why):
    document, _ = fleet(a=f"import functools; print = functools.partial(print, flush=True); "
                        f"{program}", b=good)  # fmt: skip
    (failure,) = document.failures
    assert failure.device == "a"
    assert what in failure.what
    assert why in failure.why
    assert all(row.name.startswith("b: ") for row in document.rows)


def test_one_that_says_nothing_is_ended(fleet, good, monkeypatch):
    monkeypatch.setattr(bench_fleet, "SILENCE_S", 5.0)
    document, _ = fleet(a="import time; time.sleep(600)", b=good)
    (failure,) = document.failures
    assert failure.why.startswith("It said nothing for 5 s.")


def test_where_all_fail_there_is_no_document(fleet):
    with pytest.raises(TopformerError, match="None of the 2 devices") as caught:
        fleet(a="", b="")
    assert "a: " in caught.value.why
    assert "b: " in caught.value.why


HOST = """
import os, sys
from topformer.verbs.bench.fleet import bench_fleet
commands = {name: [sys.executable, "-c", sys.argv[1], name] for name in sys.argv[2:]}
# One write a line: two threads tell their progress here.
bench_fleet(commands, on_progress=lambda text: os.write(1, f"{text}\\n".encode()), on_warning=print)
"""


def test_ctrl_c_lets_all_of_them_clean_up(tmp_path):
    marks = [tmp_path / "a", tmp_path / "b"]
    program = (
        "import time, sys\n"
        f"try:\n  print({WARMING!r}, flush=True); time.sleep(600)\n"
        "except KeyboardInterrupt:\n  open(sys.argv[1], 'w').close()\n"
    )
    command = [sys.executable, "-c", HOST, program, *map(str, marks)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as host:
        try:
            assert {host.stdout.readline() for _ in marks} == {
                f"{m}: warming\n".encode() for m in marks
            }
            host.send_signal(signal.SIGINT)
            _, said = host.communicate(timeout=60)
        finally:
            host.kill()
    assert b"KeyboardInterrupt" in said
    assert all(mark.exists() for mark in marks)


def test_the_bench_of_a_device_tells_how_it_failed_as_an_event(tmp_path):
    choice = BenchChoice(
        device="adb", serial="A1", models=(), variant="tiny", runtimes=(), threads=(1,),
        mode="quick",
        image_size=None, bundle=tmp_path,
    )  # fmt: skip
    command = [sys.executable, "-m", bench_run.__name__, choice.encoded()]
    environment = {**os.environ, "ADB": str(tmp_path / "adb")}
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    failed = msgspec.json.decode(done.stdout, type=Event)
    assert isinstance(failed, Failed)
    assert "adb' was not found" in failed.what
