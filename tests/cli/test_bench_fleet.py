"""Several benches side by side, with small programs in place of `topformer bench`."""

import sys
import time

import msgspec
import pytest

from support.bench_fakes import REQUESTS, scripted_bench
from topformer.console.output import ErrorDocument
from topformer.errors import TopformerError
from topformer.verbs.bench import fleet as bench_fleet

LOST = msgspec.json.encode(ErrorDocument(what="lost", why="", next_step="")).decode()


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    """Run Python programs as the benches of devices; returns the document and the lines."""

    def run(**programs):
        monkeypatch.setattr(bench_fleet, "COMMAND", (sys.executable, "-c"))
        lines = []
        document = bench_fleet.bench_fleet(
            {name: [text] for name, text in programs.items()}, on_line=lines.append
        )
        return document, sorted(lines)

    return run


@pytest.fixture
def good(tmp_path):
    document = scripted_bench(REQUESTS[:2])
    path = tmp_path / "good.json"
    path.write_bytes(msgspec.json.encode(document))
    return f"print(open({str(path)!r}).read())"


def test_rows_of_all_devices_stand_in_one_document_under_their_names(fleet, good):
    document, lines = fleet(
        a=f"{good}; import sys; print('warming ...\\n a table ', file=sys.stderr)", b=good
    )
    assert [row.name.partition(": ")[0] for row in document.rows] == ["a", "a", "b", "b"]
    names = {row.name for row in document.rows}
    assert all({pair.row, pair.baseline} <= names for pair in document.comparisons)
    assert len(document.comparisons) == 4
    assert document.states == ()
    assert lines == ["a: warming"]


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("import sys; sys.exit(1)", "ended without a result"),
        ("print('nonsense')", "ended without a result"),
        ("import os; os.kill(os.getpid(), 9)", "ended without a result"),
        (f"print({LOST!r})", "lost"),
    ],
)
def test_one_that_fails_is_told_beside_those_that_do_not(fleet, good, program, what):
    document, _ = fleet(a=program, b=good)
    (failure,) = document.failures
    assert failure.device == "a"
    assert what in failure.what
    assert all(row.name.startswith("b: ") for row in document.rows)


def test_where_all_fail_there_is_no_document(fleet):
    with pytest.raises(TopformerError, match="None of the 2 devices") as caught:
        fleet(a="", b="")
    assert "a: " in caught.value.why
    assert "b: " in caught.value.why


def test_ctrl_c_lets_all_of_them_clean_up(fleet, tmp_path, monkeypatch):
    marks = [tmp_path / "a", tmp_path / "b"]
    program = (
        "import time, sys\n"
        "try:\n  print('on ...', file=sys.stderr, flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n  open({!r}, 'w').close()\n"
    )
    seen = []

    def interrupt(line):
        seen.append(line)

    def wait(process, *timeout):
        if not timeout:
            while len(seen) < 2:
                time.sleep(0.05)
            raise KeyboardInterrupt
        return original(process, *timeout)

    original = bench_fleet.subprocess.Popen.wait
    monkeypatch.setattr(bench_fleet, "COMMAND", (sys.executable, "-c"))
    monkeypatch.setattr(bench_fleet.subprocess.Popen, "wait", wait)
    with pytest.raises(KeyboardInterrupt):
        bench_fleet.bench_fleet(
            {str(mark): [program.format(str(mark))] for mark in marks}, on_line=interrupt
        )
    assert all(mark.exists() for mark in marks)
