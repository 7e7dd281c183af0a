"""Names that are markup to rich, control a terminal or are no Unicode, walked through the verbs."""

import io
import json
import re
import shutil
import sys
import time

import pytest
from PIL import Image
from rich.progress import Progress
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from support.training_fakes import make_folder
from topformer.cli.main import build_command
from topformer.console.output import print_lines, warn
from topformer.console.progress import progress_display, spinner
from topformer.console.screen import Screen, stderr
from topformer.model import create_model
from topformer.weights import save_weights

runner = CliRunner()

NAME = "a [red] b"
HOSTILE = "[/] \x1b[2J \u202e caf\udce9"
SHOWN = r"[/] \x1b[2J \u202e caf\xe9"


def run(*arguments):
    return runner.invoke(build_command(arguments[0]), [str(one) for one in arguments])


@pytest.fixture
def data_set(tmp_path):
    """A data set in a folder of that name, with a class and pictures of it."""
    (tmp_path / NAME).mkdir()
    root = make_folder(tmp_path / NAME, train=1, val=2)
    (root / "classes.json").write_text(json.dumps({"classes": [NAME, "road", "car"]}))
    for kind in ("images", "annotations"):
        folder = root / kind / "val"
        (first,) = folder.glob("0.*")
        first.rename(folder / f"{NAME}{first.suffix}")
    return root


def test_data_check(data_set, tmp_path):
    result = run(
        *("data", "check", data_set, "--dataset", "folder"), "--out", tmp_path / f"{NAME}2"
    )
    assert result.exit_code == 0, result.output
    assert NAME in result.stderr
    assert f"{NAME}2" in result.stdout
    Image.new("L", (128, 96), 7).save(data_set / "annotations" / "val" / f"{NAME}.png")
    result = run(
        *("data", "check", data_set, "--dataset", "folder"), "--out", tmp_path / f"{NAME}2"
    )
    assert f"val/{NAME}.png" in result.stderr


def test_eval_and_predict(data_set, tmp_path):
    from topformer.data import open_dataset

    weights = tmp_path / f"{NAME}.safetensors"
    classes = open_dataset("folder", data_set).classes
    save_weights(
        weights, create_model("tiny", 3), name=NAME, licence="-", source="-", classes=classes
    )
    options = ("--model", weights, "--image-size", "64", "--out", tmp_path / "out")
    result = run("eval", "--dataset", "folder", "--data", data_set, *options)
    assert result.exit_code == 0, result.output
    assert f"{NAME}.safetensors" in result.stderr
    assert f"│ {NAME} " in result.stderr
    result = run("predict", data_set / "images" / "val", *options)
    assert result.exit_code == 0, result.output
    assert f"{NAME}.png: " in result.stderr
    assert f"{NAME}.overlay.png" in result.stdout
    result = run("predict", data_set / "images" / "val" / f"{NAME}.png", *options)
    assert f"segmenting {NAME}.png" in result.stderr


def test_a_model_whose_name_is_not_utf8_is_refused_in_a_sentence(small_pte, tmp_path):
    path = tmp_path / "caf\udce9.pte"
    shutil.copy(small_pte, path)
    shutil.copy(small_pte.with_suffix(".json"), path.with_suffix(".json"))
    for verb in ("inspect", "verify"):
        assert "not UTF-8" in str(run(verb, path).exception)
    result = run("export", "--out", tmp_path / "caf\udce9", "--target", "onnx")
    assert "not UTF-8" in str(result.exception)


def test_inspect_and_verify(small_pte, tmp_path):
    path = tmp_path / f"{NAME}.pte"
    shutil.copy(small_pte, path)
    shutil.copy(small_pte.with_suffix(".json"), path.with_suffix(".json"))
    assert f"{NAME}.pte" in run("inspect", path).stdout
    result = run("verify", path)
    assert f"{NAME}.pte" in result.stdout
    assert f"{NAME}.pte: verified" in re.sub(r"\s+", " ", result.stderr)


def screen_text(show, *, terminal=True):
    """What a terminal, or a pipe, gets when `show` prints to it."""
    screen = Screen()
    screen.file = io.StringIO()
    screen._force_terminal = terminal
    show(screen)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.file.getvalue())


def print_table(screen):
    table = Table(title=HOSTILE, caption=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    screen.print(table)


def print_progress(screen):
    with Progress(console=screen) as progress:
        progress.add_task("x")
        progress.console.print(HOSTILE)
        progress.console.print(Text.assemble((HOSTILE, "bold")))


@pytest.mark.parametrize(
    ("show", "times"),
    [
        (lambda screen: screen.print(HOSTILE), 1),
        (lambda screen: screen.print(HOSTILE, style="dim", soft_wrap=True), 1),
        (lambda screen: screen.print(Text(HOSTILE), [HOSTILE][0]), 2),
        (lambda screen: screen.rule(Text(HOSTILE)), 1),
        (print_table, 5),
        (print_progress, 2),
    ],
)
@pytest.mark.parametrize("terminal", [True, False])
def test_whatever_is_printed_is_shown_as_it_is(show, times, terminal):
    shown = screen_text(show, terminal=terminal)
    assert shown.count(SHOWN) == times
    assert "\x1b[2J" not in shown
    shown.encode()


@pytest.fixture
def terminal(monkeypatch):
    """Make stderr of the verbs a terminal that remembers."""
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Screen()
    screen.file = io.StringIO()
    screen._force_terminal = True
    screen.is_interactive = True
    screen.width = 200
    monkeypatch.setattr("topformer.console.screen.Screen", lambda: screen)
    stderr.cache_clear()
    yield screen
    stderr.cache_clear()


def test_stages_and_bars_show_names_as_they_are(terminal):
    with progress_display() as show_progress:
        show_progress(HOSTILE)
        time.sleep(0.3)  # spinners turn in a thread of their own
        with show_progress.counting(HOSTILE, 3) as tell:
            for done in range(1, 4):
                tell(done)
    with spinner(HOSTILE):
        time.sleep(0.3)
    warn(HOSTILE)
    shown = terminal.file.getvalue()
    assert shown.count(SHOWN) >= 4
    assert "3/3" in re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert " left " in re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "\x1b[2J" not in shown


def test_a_terminal_is_not_told_twice(terminal, monkeypatch):
    class Stdout(io.StringIO):
        def __init__(self, *, terminal):
            super().__init__()
            self.isatty = lambda: terminal

    for is_terminal, expected in ((True, "other\n"), (False, "shown\nother\n")):
        monkeypatch.setattr(sys, "stdout", Stdout(terminal=is_terminal))
        print_lines(["shown"], shown=True)
        print_lines(["other"])
        assert sys.stdout.getvalue() == expected
