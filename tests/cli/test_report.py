"""`report` from end to end on a small network, and what it says."""

import json
from base64 import b64decode, b64encode
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import msgspec
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from support.command import run_command
from topformer.cli.main import build_command
from topformer.data import open_dataset
from topformer.errors import TopformerError, UsageError
from topformer.export.targets import target_names
from topformer.model import create_model
from topformer.verbs.report.document import ReportDocument
from topformer.weights import save_weights

runner = CliRunner()
HELP = Path(__file__).parent / "report_help.txt"


def report(*words):
    return runner.invoke(build_command("report"), ["report", *map(str, words)])


def test_help():
    result = runner.invoke(build_command("report"), ["report", "--help"], terminal_width=80)
    assert result.output == HELP.read_text()


@pytest.mark.parametrize(
    ("words", "what", "next_step"),
    [
        (
            ["--dataset", "camvid"],
            "--dataset and --data go together.",
            "Give both, or neither: without them nothing is scored.",
        ),
        (
            ["--data", "."],
            "--dataset and --data go together.",
            "Give both, or neither: without them nothing is scored.",
        ),
        (
            ["--device", "phone"],
            "There is no device called 'phone' to measure on.",
            "Choose host (this machine), adb (Android; --serial says which) or ssh:HOST "
            "(ARM Linux).",
        ),
        (
            ["--cores", "big"],
            "--cores is for devices.",
            "Add --device adb, or leave --cores out.",
        ),
        (
            ["--precision", "int3"],
            "There is no precision called 'int3'.",
            None,
        ),
    ],
)
def test_wrong_usage_is_told_before_anything_is_made(words, what, next_step, tmp_path):
    error = report(*words, "--out", tmp_path / "out").exception
    assert isinstance(error, UsageError)
    assert error.what == what
    assert next_step in {None, error.next_step}
    assert not (tmp_path / "out").exists()


def test_the_command_that_repeats_it_is_a_command(tmp_path):
    from dataclasses import replace

    from support.report_fakes import OPTIONS

    options = replace(
        OPTIONS,
        sizes=("tiny", "small"),
        models=("a b.pte", "https://example.com/w.pth?signature=secret"),
        measure=replace(OPTIONS.measure, device="adb", serial="A1", threads=4),
    )
    assert options.command() == (
        "topformer report --size tiny --size small --model 'a b.pte' "
        "--model https://example.com/w.pth --device adb --serial A1 --threads 4 --mode quick "
        "--out topformer-report"
    )


@pytest.fixture(scope="module")
def checkpoint(folder, tmp_path_factory):
    """Random weights for the three classes of the small data set, and that say so."""
    path = tmp_path_factory.mktemp("weights") / "three.safetensors"
    torch.manual_seed(4)
    save_weights(
        path,
        create_model("tiny", 3),
        classes=open_dataset("folder", folder).classes,
        name="three",
        licence="-",
        source="a test",
        random_seed=4,
    )
    return path


@pytest.fixture(scope="module")
def words(checkpoint, folder, tmp_path_factory):
    """Type a report of fp32 at 64x64 for all targets, with data."""
    out = tmp_path_factory.mktemp("report") / "out"
    return [
        *("report", "--model", checkpoint, "--image-size", "64", "--precision", "fp32"),
        *("--dataset", "folder", "--data", folder, "--mode", "quick", "--out", out, "--json"),
    ]


@pytest.fixture(scope="module")
def made(words):
    """Make it on a machine that is quiet."""
    from support.bench_fakes import trusted
    from topformer.benchmarks.benches.host import bench_host

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "topformer.verbs.report.measure.bench_host",
            lambda *args, **options: trusted(bench_host(*args, **options)),
        )
        return run_command(*words)


def out_of(words):
    return Path(words[words.index("--out") + 1])


@pytest.mark.slow
def test_both_targets_are_made_proved_scored_and_measured(made, words, folder, checkpoint):
    assert made.returncode == 0, made.stderr
    document = msgspec.json.decode(made.stdout, type=ReportDocument)
    schema = json.loads(runner.invoke(build_command("schema"), ["schema", "report"]).output)
    jsonschema.validate(json.loads(made.stdout), schema)
    out = out_of(words)
    assert (out / "report.json").read_text() == made.stdout
    assert {file.target for file in document.files} == set(target_names())
    for file in document.files:
        assert (file.precision, file.image_size, file.variant) == ("fp32", (64, 64), "tiny")
        assert file.proof.passed
        assert [step.step for step in file.proof.steps] == ["float32", "fused", "file"]
        assert (out / file.path).stat().st_size == file.size_bytes
        assert (out / file.manifest).is_file()
        assert json.loads((out / file.score.document).read_text())["miou"] == file.score.miou
        assert file.cost.total_ms > file.cost.network_ms > 0
        assert file.judgement.word == "random"
    assert document.answers == ()
    assert document.scored_on.pictures == 2
    bench = json.loads((out / document.measured_on.document).read_text())
    assert [row["name"] for row in bench["rows"]] == [file.name for file in document.files]
    assert str(checkpoint) in document.command


@pytest.mark.slow
def test_labels_of_all_files_are_compared(made, words):
    document = msgspec.json.decode(made.stdout, type=ReportDocument)
    # Two pictures are all that the split has.
    assert len(document.pictures) == 2
    for picture in document.pictures:
        assert [one.file for one in picture.files] == [file.name for file in document.files]
        for one in picture.files:
            assert one.equal > 0.99
            assert 0 < one.right < 1
            with Image.open(out_of(words) / one.result) as image:
                assert image.size == (128, 96)


@pytest.mark.slow
def test_the_page_and_the_table_tell_the_same(made, words):
    document = msgspec.json.decode(made.stdout, type=ReportDocument)
    out = out_of(words)
    page = (out / "index.html").read_text()
    HTMLParser().feed(page)
    assert "RANDOM" in page
    table = (out / "report.md").read_text()
    assert (out / "frontier.svg").read_text().startswith("<svg")
    for file in document.files:
        assert file.name in page
        assert f"| {file.name} | random | {100 * file.score.miou:.2f} | " in table
    assert "RANDOM" in made.stderr


@pytest.mark.slow
def test_what_is_there_and_unchanged_is_not_made_again(made, words, folder, monkeypatch):
    first = msgspec.json.decode(made.stdout, type=ReportDocument)
    out = out_of(words)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.parent != out}
    for name in ("make.export_model", "data.score", "measure.bench_host", "pictures.open_model"):
        monkeypatch.setattr(
            f"topformer.verbs.report.{name}", lambda *_, name=name, **__: pytest.fail(name)
        )
    again = run_command(*words)
    assert again.returncode == 0, again.stderr
    second = msgspec.json.decode(again.stdout, type=ReportDocument)
    assert msgspec.structs.replace(second, made_at=first.made_at) == first
    assert before == {
        path: path.stat().st_mtime_ns for path in out.rglob("*") if path.parent != out
    }


@pytest.mark.slow
def test_other_data_is_scored_and_nothing_else_is_made_again(
    made, words, folder, tmp_path, monkeypatch
):
    from support.training_fakes import make_folder

    (tmp_path / "other").mkdir()
    other = make_folder(tmp_path / "other", val=3)
    for name in ("make.export_model", "measure.bench_host"):
        monkeypatch.setattr(
            f"topformer.verbs.report.{name}", lambda *_, name=name, **__: pytest.fail(name)
        )
    changed = [other if word is folder else word for word in words]
    document = msgspec.json.decode(run_command(*changed).stdout, type=ReportDocument)
    assert document.scored_on.pictures == 3
    first = msgspec.json.decode(made.stdout, type=ReportDocument)
    assert document.scored_on.sha256 != first.scored_on.sha256
    assert [file.cost for file in document.files] == [file.cost for file in first.files]


@pytest.fixture
def unmeasured(monkeypatch):
    """Let scripted workers stand in for real ones."""
    from support.report_fakes import fake_measured, proved_file

    def bench_host(requests, **_):
        files = [proved_file(name=one.name) for one in requests]
        return fake_measured(files, {file.name: 9.0 for file in files}).bench

    monkeypatch.setattr("topformer.verbs.report.measure.bench_host", bench_host)


def test_given_files_are_proved_again_without_data(small_pte, tmp_path, unmeasured):
    onnx = small_pte.with_name("topformer-tiny-64x96-onnx.onnx")
    out = tmp_path / "out"
    result = report("--model", small_pte, "--model", onnx, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    document = msgspec.json.decode(result.stdout, type=ReportDocument)
    assert [file.name for file in document.files] == [small_pte.name, onnx.name]
    for file in document.files:
        assert file.origin == "given"
        assert Path(file.path).is_file()
        assert [step.step for step in file.proof.steps] == ["file"]
        assert file.score is None
    assert document.scored_on is None
    assert [picture.name for picture in document.pictures] == ["street"]
    assert "no data: nothing is known of accuracy" in result.stderr
    assert not (out / "files").exists()


def test_a_file_that_is_not_what_it_says_fails_the_report(model, tmp_path, unmeasured):
    manifest = json.loads(model.with_suffix(".json").read_text())
    for case in manifest["golden"]:
        logits = b64decode(case["samples"]["logits"])
        case["samples"]["logits"] = b64encode(logits[4:] + logits[:4]).decode()
    model.with_suffix(".json").write_text(json.dumps(manifest))
    out = tmp_path / "out"
    result = report("--model", model, "--out", out)
    assert result.exit_code == 1
    assert not isinstance(result.exception, TopformerError)
    document = msgspec.json.decode((out / "report.json").read_bytes(), type=ReportDocument)
    assert document.files[0].judgement.word == "failed"
    assert document.files[0].cost is None
    assert "Do not ship." in (out / "index.html").read_text()


def test_a_file_that_cannot_be_made_is_told_and_the_others_are(
    small_pte, tmp_path, unmeasured, monkeypatch
):
    def export_model(*, targets, **_):
        raise TopformerError(f"{targets[0]} broke.", why="It is a test.", next_step="Mend it.")

    monkeypatch.setattr("topformer.verbs.report.make.export_model", export_model)
    words = ("--size", "tiny", "--precision", "fp32", "--image-size", 64, "--model", small_pte)
    result = report(*words, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    document = msgspec.json.decode(result.stdout, type=ReportDocument)
    assert [file.name for file in document.files] == [small_pte.name]
    assert [(one.name, one.what, one.failed) for one in document.not_made] == [
        (f"tiny 64x64 fp32 {target}", f"{target} broke.", True) for target in target_names()
    ]
    assert "tiny 64x64 fp32 onnx could not be made: onnx broke. It is a test." in result.stderr


def test_where_nothing_could_be_made_it_is_an_error(tmp_path, monkeypatch):
    def export_model(*, targets, **_):
        raise UsageError(f"{targets[0]} has no such precision.", next_step="Choose another.")

    monkeypatch.setattr("topformer.verbs.report.make.export_model", export_model)
    words = ("--precision", "fp32", "--image-size", 64, "--out", tmp_path / "out")
    error = report(*words).exception
    assert isinstance(error, UsageError)
    assert error.what == "tiny 64x64 fp32 onnx: onnx has no such precision."
    assert error.why == "Nor could 1 other be made."
    assert error.next_step == "Choose another."
