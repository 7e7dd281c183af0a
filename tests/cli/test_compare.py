"""`topformer compare` as a user types it."""

import json

import jsonschema
import msgspec
import pytest
from typer.testing import CliRunner

from topformer.benchmarks.documents.comparison import CompareDocument
from topformer.cli.main import build_command
from topformer.errors import TopformerError

runner = CliRunner()


def invoke(*arguments):
    return runner.invoke(build_command(), ["compare", *map(str, arguments)])


def quiet(document, **changes):
    changes = {"verdict": "trusted", "reasons": ()} | changes
    rows = tuple(msgspec.structs.replace(row, **changes) for row in document.rows)
    return msgspec.structs.replace(document, rows=rows)


@pytest.fixture(scope="module")
def benches():
    from support.bench_fakes import EXECUTE_MS, scripted_bench

    slower = {name: 1.1 * ms for name, ms in EXECUTE_MS.items()}
    return quiet(scripted_bench()), quiet(scripted_bench(execute_ms=slower))


@pytest.fixture
def files(benches, tmp_path):
    paths = [tmp_path / "before.json", tmp_path / "after.json"]
    for path, document in zip(paths, benches, strict=True):
        path.write_bytes(msgspec.json.encode(document))
    return paths


def test_a_line_says_how_each_part_of_each_row_compares(files):
    result = invoke(*files)
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert len(lines) == 3 * 4
    assert lines[0].startswith("executorch, 1 thread: preprocess 1.0")
    assert lines[0].endswith(": no difference")
    assert lines[1].startswith("executorch, 1 thread: network 12.0")
    assert " times (99% interval 1." in lines[1]
    assert lines[1].endswith(": slower")
    assert lines[2].endswith(": no difference")
    assert result.stderr == ""


def test_json_is_one_document_of_its_schema(files):
    result = invoke(*files, "--json")
    document = msgspec.json.decode(result.stdout, type=CompareDocument)
    assert [row.kind for row in document.rows] == ["unpaired"] * 3
    schema = json.loads(runner.invoke(build_command(), ["schema", "compare"]).output)
    jsonschema.validate(json.loads(result.stdout), schema)


def test_the_rows_of_one_document_are_paired(files):
    document = msgspec.json.decode(invoke(files[0], "--json").stdout, type=CompareDocument)
    assert document.contender is None
    assert [(row.kind, row.baseline) for row in document.rows] == [
        ("paired", "executorch, 1 thread")
    ] * 2


def test_unlike_rows_are_refused_unless_told_otherwise(benches, files):
    files[1].write_bytes(msgspec.json.encode(quiet(benches[1], classes=11)))
    error = invoke(*files).exception
    assert isinstance(error, TopformerError)
    assert "should not be ranked" in str(error)
    assert "executorch, 1 thread: classes: 11 against 150; onnxruntime" in error.why
    assert "--anyway" in error.next_step
    shown = invoke(*files, "--anyway")
    assert shown.exit_code == 0
    assert "warning: not to be ranked: executorch, 1 thread: classes" in shown.stderr
    assert len(shown.stdout.splitlines()) == 12


def test_a_noisy_row_is_refused(benches, files):
    files[1].write_bytes(msgspec.json.encode(quiet(benches[1], verdict="noisy")))
    assert "the contender is noisy" in invoke(*files).exception.why


def test_an_emulated_device_is_never_ranked_with_a_real_one(files, benches):
    from support.bench_fakes import emulated_bench

    real = msgspec.structs.replace(benches[0], rows=benches[0].rows[:1])
    files[0].write_bytes(msgspec.json.encode(real))
    files[1].write_bytes(msgspec.json.encode(emulated_bench()))
    error = invoke(*files, "--anyway").exception
    assert "An emulated device cannot be compared with a real one." in str(error)


def test_nothing_in_common_is_an_error(files):
    from support.bench_fakes import request, scripted_bench

    others = [request("a", threads=3), request("b", threads=4)]
    document = scripted_bench(others, execute_ms={"a": 1.0, "b": 1.0})
    files[1].write_bytes(msgspec.json.encode(document))
    error = invoke(*files).exception
    assert "no two rows" in str(error)
    for word in ("task", "head", "form", "serials"):
        assert word in error.why
    error = invoke(files[1]).exception
    assert "no two rows" in str(error)
    for word in ("task", "head", "classes", "serial"):
        assert word in error.why


def test_names_cannot_steer_the_terminal(benches, files):
    name = "evil\x1b[2J[red]"
    rows = (msgspec.structs.replace(benches[1].rows[0], name=name, verdict="noisy"),)
    files[1].write_bytes(msgspec.json.encode(msgspec.structs.replace(benches[1], rows=rows)))
    result = invoke(*files, "--anyway")
    assert result.exit_code == 0
    assert "\x1b[2J" not in result.stdout + result.stderr
    assert "evil\\x1b[2J[red] against executorch, 1 thread: network" in result.stdout
    assert "evil\\x1b[2J[red]: the contender is noisy" in result.stderr
