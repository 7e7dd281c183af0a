"""Whatever a model file does to the process that opens it is one clear error."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from support.manifest_edits import SAMPLE
from support.vouching import vouch_for
from topformer.errors import TopformerError
from topformer.runtimes import exported, inspect_graph, trial, try_model
from topformer.runtimes.trial import documents
from topformer.runtimes.trial.documents import bounds_for

ADDED = Path(__file__).parent / "added"


@pytest.fixture(autouse=True)
def added(monkeypatch):
    """Let there be a runtime of files that misbehave, in bounds that are soon reached."""
    monkeypatch.setattr(exported, "__path__", [*exported.__path__, str(ADDED)])
    monkeypatch.setattr(documents, "_LEAST_PROCESSOR_S", 1)
    monkeypatch.setattr(documents, "_WALL_S_PER_PROCESSOR_S", 3)


def write_file(folder, behaviour):
    path = folder / "model.bad"
    path.write_text(behaviour)
    return path, vouch_for(path, SAMPLE)


def refusal(folder, behaviour):
    path, manifest = write_file(folder, behaviour)
    with pytest.raises(TopformerError) as raised:
        try_model(path, manifest)
    assert str(path) in raised.value.what
    assert raised.value.next_step
    return raised.value.why


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("aborts", "ends its process by SIGABRT (the runtime's \\x1b[31mown words)."),
        ("segfaults", "ends its process by SIGSEGV."),
        ("ends", "ends its process with status 3."),
        ("spins", "does not end within 1 s of processor time."),
        ("sleeps", "does not end within 1 s of processor time."),
        ("prints", "prints without an end."),
        ("eats", "It takes too much memory. (It had 196 MiB of memory and 1 s of processor time.)"),
        ("raises", "It cannot be run. KeyError: '\\x1b[31mno key'"),
        ("explains", "What. Why."),
        ("nan", "The model computes no numbers. All its outputs are NaN or infinite."),
        ("infinite", "The model computes no numbers. All its outputs are NaN or infinite."),
        ("doubles", "It gives [1, 2, 8, 12] in float64; the manifest says [1, 2, 8, 12] in"),
        ("two", "It gives [1, 2, 8, 12] in float32, [1, 2, 8, 12] in float32; the manifest"),
        ("smaller", "It gives [1, 2, 8, 11] in float32; the manifest says [1, 2, 8, 12] in"),
        ("no outputs", "It gives nothing; the manifest says [1, 2, 8, 12] in float32."),
        ("aborts at the end", "ends its process by SIGABRT."),
    ],
)
def test_what_happens_is_told(behaviour, told, tmp_path):
    assert told in refusal(tmp_path, behaviour)


def test_a_file_that_works_is_tried_once(tmp_path, monkeypatch):
    path, manifest = write_file(tmp_path, "works")
    try_model(path, manifest)
    monkeypatch.setattr(trial, "COMMAND", ("false",))
    try_model(path, manifest)
    other = msgspec.structs.replace(SAMPLE.outputs[0], shape=(1, 2, 8, 11))
    with pytest.raises(TopformerError, match="cannot be used"):
        try_model(path, msgspec.structs.replace(manifest, outputs=(other,)))


def test_a_lower_limit_of_the_users_stays(tmp_path, monkeypatch):
    limited = ("sh", "-c", 'ulimit -t 600 -v 8000000; trap "" ALRM XCPU; exec "$@"', "sh")
    monkeypatch.setattr(trial, "COMMAND", (*limited, *trial.COMMAND))
    monkeypatch.setattr(documents, "_LEAST_PROCESSOR_S", 1000)
    try_model(*write_file(tmp_path, "works"))
    monkeypatch.setattr(documents, "_LEAST_PROCESSOR_S", 1)
    assert "does not end" in refusal(tmp_path, "spins")
    assert "does not end" in refusal(tmp_path, "sleeps")


def test_some_numbers_are_enough(tmp_path):
    try_model(*write_file(tmp_path, "partly nan"))


def test_one_that_failed_is_tried_again(tmp_path):
    for _ in range(2):
        assert "SIGSEGV" in refusal(tmp_path, "segfaults")


def test_a_graph_is_read_there_too(tmp_path):
    path, _ = write_file(tmp_path, "works")
    assert inspect_graph(path).format == "bad"
    path, _ = write_file(tmp_path, "partly nan")  # its graph aborts
    with pytest.raises(TopformerError, match="cannot be used") as raised:
        inspect_graph(path)
    assert "SIGABRT" in raised.value.why


def test_no_temporary_files_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    refusal(tmp_path, "aborts")
    assert {path.suffix for path in tmp_path.iterdir()} == {".bad", ".json", ".pid"}


def test_larger_files_and_inputs_may_take_more():
    small, large = bounds_for(10**6, 64 * 64), bounds_for(10**8, 4096 * 4096)
    assert small.memory_bytes < 256 * 2**20
    assert large.memory_bytes > small.memory_bytes + 10**9
    assert large.processor_s > small.processor_s


def test_a_trial_ends_though_its_parent_was_killed(tmp_path):
    path, manifest = write_file(tmp_path, "sleeps")
    code = (
        "import sys, msgspec; from pathlib import Path\n"
        "from topformer.manifest import Manifest\n"
        "from topformer.runtimes import exported, try_model\n"
        "from topformer.runtimes.trial import documents\n"
        "exported.__path__.append(sys.argv[1])\n"
        "documents._LEAST_PROCESSOR_S = 1\n"
        "documents._WALL_S_PER_PROCESSOR_S = 3\n"
        "try_model(Path(sys.argv[2]), msgspec.json.decode(sys.argv[3], type=Manifest))"
    )
    words = [sys.executable, "-c", code, str(ADDED), str(path), msgspec.json.encode(manifest)]
    with subprocess.Popen(words) as parent:
        pid = wait_for(path.with_suffix(".pid"))
        parent.kill()
    assert runs(pid)
    deadline = time.monotonic() + 30
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not runs(pid)


def wait_for(path):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError("no trial began")


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_ctrl_c_ends_a_trial(tmp_path, monkeypatch):
    # A trial that ended by itself would leave the signal to the tests.
    monkeypatch.setattr(documents, "_WALL_S_PER_PROCESSOR_S", 100)
    path, manifest = write_file(tmp_path, "sleeps")

    def press():
        wait_for(path.with_suffix(".pid"))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        try_model(path, manifest)
    assert not runs(wait_for(path.with_suffix(".pid")))
