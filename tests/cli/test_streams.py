"""The command as a process: any name, any encoding, and readers that go or never were."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from support.command import run_command

pytestmark = pytest.mark.slow  # processes

COMMAND = [sys.executable, "-c", "from topformer.cli.main import main; main()"]
# As a file system of other people's names has it: Latin-1, a control sequence, markup, Chinese.
NAMES = [b"caf\xe9.png", b"\x1b[2J.png", b"a [red] b.png", "街道.png".encode(), b"two\nlines.png"]
SHOWN = [r"caf\xe9.png", r"\x1b[2J.png", "a [red] b.png", "街道.png", r"two\x0alines.png"]


def start(*arguments, redirected="", env=None, cwd=None, **options):
    """Run the command in a shell that closes or redirects its streams."""
    words = [*COMMAND, *map(os.fsdecode, arguments)]
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", *words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        check=False,
        **options,
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name in NAMES:
        Image.new("RGB", (64, 64)).save(folder / "plain.bmp")
        (folder / "plain.bmp").rename(folder / os.fsdecode(name))
    return folder


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_any_name_can_be_written_in_any_encoding(environment, pictures, tmp_path):
    options = ["--image-size", "64", "--out", tmp_path / "out"]
    done = start("predict", pictures, *options, env=environment)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2 * len(NAMES)
    for shown in SHOWN[:3]:
        assert shown.encode() in done.stderr
    assert b"\x1b[2J" not in done.stderr + done.stdout


def test_documents_are_utf8_whatever_the_names_and_the_encoding(pictures, tmp_path):
    done = start(
        *("predict", pictures, "--image-size", "64", "--out", tmp_path, "--json"),
        env={"PYTHONIOENCODING": "utf-16"},
    )
    document = json.loads(done.stdout.decode("utf-8", errors="strict"))
    found = {one["path"].removeprefix(f"{pictures}/") for one in document["pictures"]}
    # Control characters are JSON's own business.
    assert found == {*SHOWN[2:4], SHOWN[0], "\x1b[2J.png", "two\nlines.png"}
    assert not document["failures"]


@pytest.mark.parametrize("verb", ["predict", "inspect", "verify", "compare"])
def test_errors_about_such_names_are_documents_too(verb):
    done = run_command(verb, b"caf\xe9 [red].pte", "--json")
    assert done.returncode in {1, 2}
    assert r"caf\xe9 [red].pte" in json.loads(done.stdout)["what"]
    assert r"caf\xe9 [red].pte" in done.stderr


# Needs no torch, and prints a table or a document.
COMPARE = ["compare", Path(__file__).with_name("bench.json"), "--anyway"]


@pytest.mark.parametrize("arguments", [COMPARE, [*COMPARE, "--json"], ["--help"], ["--version"]])
@pytest.mark.parametrize(
    ("redirected", "status", "told"),
    [(">/dev/full", 1, "No space left on device"), ("2>/dev/full", 0, "")],
)
def test_a_full_stdout_is_one_error_and_a_full_stderr_none(arguments, redirected, status, told):
    done = start(*arguments, redirected=redirected)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr
    assert b"ignored" not in done.stderr
    assert told in done.stderr.decode()
    assert done.stderr.decode().count("error:") == (1 if told else 0)


def test_an_error_and_one_in_telling_it_are_both_told():
    done = start("predict", "missing.png", "--json", redirected=">/dev/full")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    said = [line for line in done.stderr.decode().splitlines() if line.startswith("error:")]
    assert "missing.png" in said[0]
    assert said[1:] == ["error: The result cannot be written to stdout."]


def test_an_error_that_nobody_reads_keeps_its_status():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, "predict", "missing.png", "--json"],
        stdout=write, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write)
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1


@pytest.mark.parametrize("arguments", [COMPARE, [*COMPARE, "--json"], ["schema", "manifest"]])
def test_a_reader_that_went_ends_the_command_quietly(arguments):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, *arguments], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert done.returncode == 141
    assert "rror" not in done.stderr
    assert "ignored" not in done.stderr


def test_closed_streams_are_as_good_as_dev_null(pictures, tmp_path):
    picture = pictures / "a [red] b.png"
    for redirected in (">&-", "<&- >&- 2>&-"):
        out = tmp_path / str(len(redirected))
        done = start(
            *("predict", picture, "--image-size", "64", "--out", out), redirected=redirected
        )
        assert done.returncode == 0
        assert b"Traceback" not in done.stderr
        assert len(list(out.iterdir())) == 2


def test_a_document_for_a_closed_stdout_is_refused_before_the_work(pictures, tmp_path):
    out = tmp_path / "out"
    done = start("predict", pictures, "--out", out, "--json", redirected=">&-")
    assert done.returncode == 2
    assert b"Stdout is closed" in done.stderr
    assert not out.exists()
