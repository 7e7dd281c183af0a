"""`topformer train` as a user types it, on a small data set."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from typer.testing import CliRunner

from support.onnx_teachers import KERNEL, write_teacher
from topformer.cli.main import build_command
from topformer.errors import ByHandError, TopformerError, UsageError
from topformer.training.recipe import load_recipe
from topformer.verbs.train.run import TrainDocument

runner = CliRunner()
SMALL = [
    "--iters", "4", "--batch", "2", "--init", "none", "--set", "crop=[64,96]",
    "--set", "scale=[256,128]", "--set", "workers=0", "--set", "warmup_iterations=2",
    "--set", "checkpoint_every=2", "--set", "evaluate_every=4",
]  # fmt: skip


def invoke(*arguments):
    return runner.invoke(build_command(), ["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "first"
    result = invoke("--dataset", "folder", "--data", folder, "--out", out, *SMALL, "--json")
    assert result.exit_code == 0, result.output
    return out, result


@pytest.mark.slow
def test_json_is_one_document_that_fits_its_schema(trained):
    out, result = trained
    document = json.loads(result.stdout)
    jsonschema.validate(document, msgspec.json.schema(TrainDocument))
    assert document["steps"] == 4
    assert document["resumed_from"] is None
    assert document["init"] == "random weights, seed 0"
    assert document["recipe"]["crop"] == [64, 96]
    for name in (document["best_weights"], document["last_weights"], *document["files"]):
        assert Path(name).is_file()
        assert Path(name).parent == out


@pytest.mark.slow
def test_the_run_leaves_its_recipe_curves_and_predictions(trained, folder):
    from PIL import Image

    out, result = trained
    saved = load_recipe("folder", "tiny", path=out / "recipe.toml")
    assert (saved.iterations, saved.batch) == (4, 2)
    for name in ("curves.png", "predictions.png"):
        with Image.open(out / name) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 300
    terms = f"as the pictures of the folder {folder.name} allow"
    assert f"licence of the weights: {terms}" in result.stderr


@pytest.mark.slow
def test_a_run_is_never_overwritten_and_resumes_when_asked(trained, folder):
    out, _ = trained
    arguments = ("--dataset", "folder", "--data", folder, "--out", out, *SMALL)
    result = invoke(*arguments)
    assert isinstance(result.exception, UsageError)
    assert "already holds a run" in result.exception.what
    assert "--resume" in result.exception.next_step
    result = invoke(*arguments, "--resume", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["resumed_from"] == 4


@pytest.mark.slow
def test_resuming_where_there_is_no_run_begins_one(folder, tmp_path):
    out = tmp_path / "new"
    result = invoke("--dataset", "folder", "--data", folder, "--out", out, *SMALL, "--resume")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("mIoU ")
    assert str(out / "best.safetensors") in result.stdout


@pytest.mark.slow
def test_trained_weights_begin_another_run(trained, folder, tmp_path):
    out, _ = trained
    result = invoke(
        "--dataset", "folder", "--data", folder, "--out", tmp_path / "second", *SMALL,
        "--init", out / "last.safetensors", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["init"] == "376 of 376 tensors of last.safetensors"


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (["--dataset", "nope"], UsageError, "no data set called 'nope'"),
        (["--dataset", "folder"], UsageError, "--data ROOT"),
        (["--dataset", "folder", "--data", "nowhere"], UsageError, "no folder nowhere"),
        (["--dataset", "folder", "--size", "huge"], UsageError, "huge"),
        (["--dataset", "folder", "--set", "crop"], UsageError, "FIELD=VALUE"),
        (["--dataset", "folder", "--set", "cropp=3"], UsageError, "Did you mean crop"),
        (["--dataset", "folder", "--recipe", "no.toml"], TopformerError, "no.toml"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    tmp_path, monkeypatch, arguments, kind, said
):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert isinstance(result.exception, kind)
    assert said in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_run_learns_from_a_network_in_onnx(folder, tmp_path):
    teacher = write_teacher(tmp_path / "teacher.onnx")
    chosen = ["--dataset", "folder", "--data", folder, *SMALL, "--set", f"teacher={teacher}"]
    result = invoke(*chosen, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    alone = invoke(*chosen[:-2], "--out", tmp_path / "alone")
    assert alone.exit_code == 0, alone.output
    losses = [(tmp_path / run / "log.jsonl").read_text() for run in ("run", "alone")]
    assert losses[0] != losses[1]
    write_teacher(teacher, kernel=KERNEL[:2])
    refused = invoke(*chosen, "--out", tmp_path / "refused")
    assert isinstance(refused.exception, UsageError)
    assert "tells 2 classes apart, the data set 3" in str(refused.exception)
    assert not (tmp_path / "refused").exists()


def test_faulty_data_stop_a_run_before_its_first_step(folder, tmp_path):
    import shutil

    from PIL import Image

    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    Image.new("L", (128, 96), 7).save(broken / "annotations" / "train" / "3.png")
    result = invoke("--dataset", "folder", "--data", broken, "--out", tmp_path / "out", *SMALL)
    assert isinstance(result.exception, TopformerError)
    assert "3.png" in str(result.exception)
    assert "out of range: 7" in str(result.exception)
    assert not (tmp_path / "out" / "checkpoints").exists()


@pytest.mark.slow
def test_what_is_doubtful_is_said_once_and_training_begins(folder, tmp_path):
    import shutil

    from PIL import Image

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for path in (copy / "annotations" / "train").iterdir():
        with Image.open(path) as image:
            image.point(lambda value: 255 if value else 0).save(path)
    shutil.copy(copy / "images" / "train" / "0.png", copy / "images" / "val" / "0.png")
    chosen = ["--dataset", "folder", "--data", copy, "--out", tmp_path / "out", *SMALL]
    result = invoke(*chosen)
    assert result.exit_code == 0, result.output
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert any("train: 6 label files hold no values but 0 and 255" in line for line in warnings)
    assert any("val: 1 picture is in train, too" in line for line in warnings)
    assert len(warnings) == len(set(warnings))
    assert result.stderr.count("`topformer data check`") == 1
    again = invoke(*chosen, "--resume")
    assert again.exit_code == 0, again.output
    assert "warning: " not in again.stderr


def test_the_recipe_is_shown_with_every_field_and_reads_back(tmp_path):
    result = invoke("--dataset", "ade20k", "--size", "base", "--show-recipe")
    assert result.exit_code == 0
    path = tmp_path / "shown.toml"
    path.write_text(result.stdout)
    assert load_recipe("ade20k", "base", path=path) == load_recipe("ade20k", "base")
    result = invoke("--dataset", "ade20k", "--size", "base", "--show-recipe", "--json")
    assert json.loads(result.stdout)["iterations"] == 160_000


def test_the_published_start_is_fetched_or_says_how_to_get_it(folder, tmp_path, monkeypatch):
    from topformer.weights import sources

    def no_network(*_arguments, **_named):
        raise ByHandError("no network", next_step="Get it with a browser.")

    monkeypatch.setattr(sources, "fetch", no_network)
    arguments = [argument for argument in SMALL if argument not in {"--init", "none"}]
    result = invoke("--dataset", "folder", "--data", folder, "--out", tmp_path / "o", *arguments)
    assert isinstance(result.exception, ByHandError)
    assert not (tmp_path / "o").exists()
    assert result.exception.next_step == (
        "Get it with a browser. Here: --init PATH/TO/FILE.pth, or --init none to train from scratch"
    )


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    from support.training_fakes import make_box_folder

    return make_box_folder(tmp_path_factory.mktemp("boxes"))


DETECTING = ["--task", "detection", "--dataset", "coco-folder"]


@pytest.mark.slow
def test_a_detector_is_trained_and_goes_on(boxes, tmp_path):
    chosen = [*DETECTING, "--head", "lite", "--data", boxes, "--out", tmp_path / "run", *SMALL]
    result = invoke(*chosen, "--set", "stretch=1", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, msgspec.json.schema(TrainDocument))
    assert (document["task"], document["detection_head"]) == ("object-detection", "lite")
    assert document["best"]["ap"] is not None
    assert document["best"]["miou"] is None
    assert document["protocol"] == "fixed: 64x96, stretched"
    assert "val: 3 pictures are in train, too" in result.stderr
    again = invoke(*chosen, "--set", "stretch=1", "--resume")
    assert again.exit_code == 0, again.output
    assert again.stdout.startswith("AP 0.")
    assert "the run was complete" in again.stderr
    other = invoke(*chosen, "--set", "stretch=1", "--resume", "--head", "retinanet")
    assert isinstance(other.exception, TopformerError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--task", "naming", "--dataset", "coco"], "no task called 'naming'"),
        (["--task", "detection", "--dataset", "camvid"], "'camvid' holds labels of pixels"),
        (["--task", "segmentation", "--dataset", "coco"], "'coco' holds boxes"),
        (["--dataset", "camvid", "--head", "lite"], "--head is for detectors"),
        ([*DETECTING, "--head", "large"], "no detection head called 'large'"),
        ([*DETECTING, "--set", "class_mix=0.5"], "sets class_mix, which is for semantic-"),
        (["--dataset", "camvid", "--set", "offset_weight=2"], "which is for object-detection"),
        ([*DETECTING, "--set", "teacher=tiny", "--show-recipe"], "sets teacher"),
    ],
)
def test_what_fits_another_task_is_refused_before_anything_is_written(
    tmp_path, monkeypatch, arguments, said
):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments, "--data", tmp_path)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_the_recipe_of_a_head_is_shown():
    shown = {
        head: invoke("--dataset", "coco", "--head", head, "--show-recipe")
        for head in ("retinanet", "lite")
    }
    assert 'optimizer = "sgd"' in shown["retinanet"].stdout
    assert "crop = [448,448]" in shown["lite"].stdout
