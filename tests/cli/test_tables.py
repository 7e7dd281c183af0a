"""Tables on narrow terminals: no line is too long, no word is cut that need not be."""

from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from support.command import run_command
from topformer.benchmarks.documents.bench import read_bench
from topformer.benchmarks.report.text import tables
from topformer.console import tables as tables_module
from topformer.console.tables import fit, print_table
from topformer.verbs import models

ROOT = Path(__file__).parents[2]
BENCH = Path(__file__).with_name("bench.json")


def drawn(*shown: Table, width: int) -> list[str]:
    stream = StringIO()
    console = Console(file=stream, width=width, highlight=False, emoji=False)
    console.print(*(fit(table, console) for table in shown))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def small_table(**options) -> Table:
    table = Table(title="Devices", caption="Seen by adb.", title_justify="left")
    for heading in ("serial", "state"):
        table.add_column(heading, **options)
    table.add_column("what to do")
    table.add_row("A1", "[green]device[/green]", "")
    table.add_row("0123456789ABCDEF", "offline", "Unplug the device, and plug it in again.")
    return table


def test_a_table_that_fits_is_as_it_was():
    expected = StringIO()
    Console(file=expected, width=100).print(small_table())
    assert drawn(small_table(), width=100) == [
        line.rstrip() for line in expected.getvalue().splitlines()
    ]


def test_one_that_is_a_little_too_wide_loses_its_borders():
    lines = drawn(small_table(), width=46)
    assert "A1" in lines[3]
    assert lines[4].split() == ["0123456789ABCDEF", "offline", "Unplug", "the", "device,"]


def test_one_that_cannot_fit_becomes_a_list():
    assert drawn(small_table(), width=34) == [
        "Devices",
        "serial:",
        "A1",
        "  state device",
        "0123456789ABCDEF",
        "  state      offline",
        "  what to do Unplug the device,",
        "             and plug it in again.",
        "Seen by adb.",
    ]


BENCH_AT_40 = """\
TopFormer tiny, 448x448, RANDOM weights,
on AMD EPYC
median ms:
executorch, 1 thread
  pre 0.38          network 7.35
  post 3.22         total 10.95
  95 % 10.88-11.02  verdict trusted
onnxruntime, 1 thread
  pre 0.38          network 7.73
  post 3.35         total 11.45
  95 % 11.34-11.60  verdict noisy
torch (eager, BatchNorm unfused), 1
thread
  pre 0.37          network 27.40
  post 3.23         total 31.01
"""


def test_the_bench_at_40_columns():
    assert drawn(*tables(read_bench(BENCH)), width=40)[:15] == BENCH_AT_40.splitlines()


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_figure_of_a_bench_is_cut(width):
    document = read_bench(BENCH)
    lines = drawn(*tables(document), width=width)
    text = "\n".join(lines)
    assert "…" not in text
    assert max(map(len, lines)) <= width
    for row in document.rows:
        low, high = row.total_ms.ci95
        assert f"{low:.2f}-{high:.2f}" in text
        assert f"{max(row.total_ms.samples):.2f}" in text
    assert text.count("trusted") == 3
    assert text.count("noisy") == 1


WORDS = st.text("abcdefgh", min_size=1, max_size=14)
CELLS = st.lists(WORDS, max_size=6).map(" ".join)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 8).flatmap(
        lambda columns: st.tuples(
            st.lists(WORDS, min_size=columns, max_size=columns),
            st.lists(st.lists(CELLS, min_size=columns, max_size=columns), max_size=4),
            st.lists(st.booleans(), min_size=columns, max_size=columns),
        )
    ),
    st.sampled_from([40, 60, 80, 200]),
)
def test_any_table_fits_with_its_words_whole(content, width):
    headings, rows, no_wraps = content
    table = Table()
    for heading, no_wrap in zip(headings, no_wraps, strict=True):
        table.add_column(heading, no_wrap=no_wrap)
    for row in rows:
        table.add_row(*row)
    lines = drawn(table, width=width)
    assert max(map(len, lines)) <= width
    words = {word for line in lines for word in line.replace("│", " ").split()}
    assert {word for row in rows for cell in row for word in cell.split()} <= words


VERBS = {
    "models": ["TopFormer-T_448x448_2x8_160k", "1,389,654", "408,363,648"],
    "doctor --skip-runtimes": ["aarch64-linux-gnu-g++", "optional", "onnxruntime"],
}


@pytest.fixture(scope="module")
def all_models():
    """Count the multiply-adds of every network that there is, once."""
    return models._collect()


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize(
    "line", [pytest.param("models", marks=pytest.mark.slow), "doctor --skip-runtimes"]
)
def test_verbs_draw_their_tables_so(request, monkeypatch, line, width):
    if line == "models":
        found = request.getfixturevalue("all_models")
        monkeypatch.setattr(models, "_collect", lambda: found)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("PATH", "/nowhere")
    told = run_command(*line.split()).stderr
    assert "…" not in told
    for word in VERBS[line]:
        assert word in told


def test_a_table_goes_to_stderr(monkeypatch, capsys):
    monkeypatch.setattr(tables_module, "stderr", lambda: Console(stderr=True, width=40))
    print_table(small_table())
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Unplug the device" in printed.err


def test_no_verb_prints_a_table_by_itself():
    for path in (ROOT / "topformer" / "verbs").rglob("*.py"):
        text = path.read_text()
        assert "print(_table(" not in text
        assert "print(table)" not in text
