import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.cli.main import build_command
from topformer.errors import TopformerError, UsageError
from topformer.verbs.bench.choice import BenchChoice


def run(*arguments: str):
    return CliRunner().invoke(build_command("bench"), ["bench", *arguments])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--device", "phone"], "no device called 'phone'"),
        (["--cores", "big"], "--cores is for devices"),
        (["--all"], "--all is for devices"),
        (["--device", "ssh:board", "--all"], "are for --device adb"),
        (["--device", "adb", "--serial", "a", "--all"], "exclude each other"),
        (["--device", "adb", "--runtime", "torch"], "one runtime"),
        (["--device", "adb", "--model", "a.onnx"], "does not run on devices"),
        (["--device", "adb", "--mode", "fast"], "no bench mode called 'fast'"),
        (["--device", "ssh:-oProxyCommand=x"], "is no host"),
        (["--mode", "fast"], "no bench mode called 'fast'"),
        (["--runtime", "ncnn"], "no runtime called 'ncnn'"),
        (["--plot", "bench.pdf"], "does not end in .png"),
        (["--model", "a.pte", "--size", "tiny"], "exclude each other"),
        (["--size", "huge"], "huge"),
        (["--image-size", "big"], "big"),
        (["--task", "juggling"], "no task called 'juggling'"),
        (["--task", "segmentation", "--head", "lite"], "--head is for detectors"),
        (["--task", "detection", "--head", "tail"], "no detection head called 'tail'"),
        (["--picture", "480"], "no picture 480"),
        (["--picture", "0x640"], "0x640 is out of range"),
        (["--picture", "40000x10"], "40000x10 is out of range"),
        (["--picture", "10000x10000"], "10000x10000 is out of range"),
    ],
)
def test_wrong_usage_is_refused_before_anything_runs(arguments, complaint):
    error = run(*arguments).exception
    assert isinstance(error, UsageError)
    assert complaint in str(error)


def test_zero_threads_are_refused():
    assert run("--threads", "0").exit_code == 2


@pytest.fixture
def scripted(monkeypatch):
    """Let the verb measure scripted rows in place of real ones."""
    from support.bench_fakes import scripted_bench

    document = scripted_bench()
    monkeypatch.setattr("topformer.verbs.bench.run._plan", lambda *_: [])
    monkeypatch.setattr("topformer.verbs.bench.run.bench_host", lambda *_, **__: document)
    return document


def test_options_of_devices_reach_the_bench(scripted, monkeypatch):
    asked = []

    def bench_device(link, plan, *, on_progress, on_warning):
        asked.append((link, plan))
        return scripted

    monkeypatch.setattr("topformer.verbs.bench.run.bench_device", bench_device)
    monkeypatch.setattr(
        "topformer.verbs.bench.run.connect_ssh", lambda name: nullcontext(f"link to {name}")
    )
    words = ["--max-start-temp", "31.5", "--cores", "1", "--runner", "built", "--mode", "quick"]
    result = run("--device", "ssh:board", *words)
    assert result.exit_code == 0, result.output
    ((link, plan),) = asked
    assert link == "link to ssh:board"
    assert (plan.max_start_c, plan.cores, plan.bundle) == (31.5, "1", Path("built"))
    assert plan.mode.name == "quick"


def test_threads_and_sizes_make_rows(scripted, monkeypatch):
    asked = []
    monkeypatch.setattr("topformer.verbs.bench.run._plan", lambda choice, _: asked.append(choice))
    assert run("--threads", "1", "--threads", "3", "--size", "tiny").exit_code == 0
    (choice,) = asked
    assert list(choice.threads) == [1, 3]
    assert choice.variant == "tiny"


def test_json_is_one_document_on_stdout(scripted):
    result = run("--json")
    assert result.exit_code == 0
    assert msgspec.json.decode(result.stdout, type=BenchDocument) == scripted
    assert "RANDOM" in result.stderr


def test_lines_go_to_stdout_and_the_table_to_stderr(scripted, tmp_path):
    plot = tmp_path / "bench.png"
    result = run("--plot", str(plot))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("executorch, 1 thread: 15.0")
    assert "95 %" in result.stderr
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_real_bench_of_both_exports(exported_tiny, tmp_path):
    """The installed command, its workers and both real runtimes, on one exported model."""
    executorch, onnx = (str(file.path) for file in exported_tiny.files)
    command = ["bench", "--model", executorch, "--model", onnx, "--mode", "quick", "--json"]
    main = "from topformer.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", main, *command],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    document = msgspec.json.decode(done.stdout, type=BenchDocument)
    assert [row.runtime for row in document.rows] == ["executorch", "onnxruntime"]
    for row, file in zip(document.rows, exported_tiny.files, strict=True):
        assert row.sha256 == file.manifest.file.sha256
        assert row.image_size == (448, 448)
        assert row.total_ms.min > row.execute_ms.min > 0.0
        assert row.total_over_execute.median > 1.0
    assert {one.kind for one in document.comparisons} == {"paired"}
    assert list(tmp_path.iterdir()) == []
    assert json.loads(done.stdout)["schema"] == "topformer.bench/1.2"


def test_a_picture_that_is_none_is_refused_before_anything_runs(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"none")
    error = run("--picture", str(path)).exception
    assert isinstance(error, TopformerError)
    assert "is not a picture" in error.what


def test_a_gate_that_is_passed_says_so_on_stderr(scripted, tmp_path):
    baseline = tmp_path / "baseline.json"
    baseline.write_bytes(msgspec.json.encode(scripted))
    result = run("--gate", str(baseline), "--json")
    assert result.exit_code == 0
    assert msgspec.json.decode(result.stdout, type=BenchDocument) == scripted
    assert "gate: executorch, 1 thread: network 12.0" in result.stderr


def test_a_gate_that_is_missed_exits_with_1_after_the_document(scripted, tmp_path):
    from support.bench_fakes import EXECUTE_MS, scripted_bench

    baseline = tmp_path / "baseline.json"
    faster = {name: 0.8 * ms for name, ms in EXECUTE_MS.items()}
    baseline.write_bytes(msgspec.json.encode(scripted_bench(execute_ms=faster)))
    result = run("--gate", str(baseline), "--json")
    assert result.exit_code == 1
    assert msgspec.json.decode(result.stdout, type=BenchDocument) == scripted
    assert "error: The gate found 6 regressions." in result.stderr


def test_a_bad_baseline_is_refused_before_anything_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "topformer.verbs.bench.run.bench_host", lambda *_, **__: pytest.fail("measured")
    )
    monkeypatch.setattr("topformer.verbs.bench.run._plan", lambda *_: pytest.fail("measured"))
    baseline = tmp_path / "baseline.json"
    baseline.write_text('{"schema": "topformer.eval/1"}')
    assert "is not a bench document" in str(run("--gate", str(baseline)).exception)


def test_a_head_says_that_detectors_are_meant(monkeypatch):
    planned = {}
    monkeypatch.setattr(
        "topformer.verbs.bench.choice.plan_size",
        lambda size, **options: planned.update(options, size=size) or [],
    )
    chosen = BenchChoice(
        device="host", models=(), variant="tiny", runtimes=(), threads=(1,), mode="quick",
        image_size=None, head="lite",
    )  # fmt: skip
    chosen.check()
    assert chosen.plan(lambda _text: None) == []
    assert (planned["size"], planned["detection_head"]) == ("tiny", "lite")
