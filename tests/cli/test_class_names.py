"""Class names: from the weights, from --classes, and never from a guess."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from topformer.classes import dataset_classes
from topformer.cli.main import build_command
from topformer.model import create_model

runner = CliRunner()
NAMES = tuple(f"part {number}" for number in range(11))
CAMVID = dataset_classes("camvid").names


def run(*arguments):
    return runner.invoke(build_command(), list(map(str, arguments)))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(2)
    return create_model("tiny", 11).state_dict()


@pytest.fixture
def unnamed(tmp_path, model):
    """Eleven classes, as CamVid has, and no names."""
    path = tmp_path / "unnamed.pth"
    torch.save({"state_dict": model}, path)
    return path


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "p.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    return path


def test_no_name_is_guessed_and_the_way_to_give_some_is_told(unnamed, picture, tmp_path):
    shown = run("inspect", unnamed)
    predicted = run(
        "predict", picture, "--model", unnamed, "--image-size", "64", "--out", tmp_path / "out"
    )
    for result in (shown, predicted):
        assert result.exit_code == 0, result.output
        assert "the weights name no classes" in result.stderr
        assert "--classes FILE" in result.stderr
        assert "--classes camvid" in result.stderr
        assert "class 0" in result.output
        assert "bicyclist" not in result.output
    assert "11 classes (not named by the weights: class 0," in shown.stdout


@pytest.mark.parametrize("kind", ["text", "json", "key"])
def test_predict_takes_names_for_checkpoints(unnamed, picture, tmp_path, kind):
    names = tmp_path / "names"
    names.write_text("\n".join(NAMES) if kind == "text" else json.dumps({"classes": NAMES}))
    given = "camvid" if kind == "key" else names
    out = tmp_path / "out"
    fixed = ("predict", picture, "--model", unnamed, "--image-size", "64", "--out", out, "--json")
    result = run(*fixed, "--classes", given)
    assert result.exit_code == 0, result.output
    assert "name no classes" not in result.stderr
    found = {one["id"]: one["name"] for one in json.loads(result.stdout)["pictures"][0]["classes"]}
    assert found
    if kind != "key":
        assert found == {number: NAMES[number] for number in found}
    else:
        assert found == {number: CAMVID[number] for number in found}


def test_predict_takes_names_for_exported_files_and_refuses_too_few(small_pte, picture, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"thing {number}" for number in range(150)))
    out = tmp_path / "out"
    fixed = ("predict", picture, "--model", small_pte, "--out", out, "--json", "--classes", names)
    result = run(*fixed)
    assert result.exit_code == 0, result.output
    classes = json.loads(result.stdout)["pictures"][0]["classes"]
    assert classes
    assert all(one["name"] == f"thing {one['id']}" for one in classes)
    names.write_text("one\ntwo\n")
    refused = run(*fixed)
    assert refused.exception is not None
    assert "2 class names were given" in str(refused.exception)


def test_export_hands_names_on(unnamed, tmp_path, monkeypatch):
    given = []

    def fake(*, classes, **_options):
        given.append(classes)
        raise SystemExit(0)

    monkeypatch.setattr("topformer.verbs.export.export_model", fake)
    names = tmp_path / "names.txt"
    names.write_text("\n".join(NAMES))
    run("export", "--weights", unnamed, "--classes", names)
    assert given[0].names == NAMES


def test_exports_name_what_was_given(unnamed):
    """Up to the point where a target would be lowered to."""
    from topformer.classes import named_classes
    from topformer.export.preparation import prepare

    def prepared(**names):
        return prepare(weights=str(unnamed), variant=None, image_size=(64, 64), **names)

    assert prepared(classes=named_classes(NAMES)).manifest.classes.names == NAMES
    numbered = prepared()
    assert numbered.manifest.classes.names[10] == "class 10"


def test_inspect_tells_what_was_taken_off(tmp_path, model):
    path = tmp_path / "w.ckpt"
    state = {f"model.{name}": tensor for name, tensor in model.items()}
    meta = {"dataset_meta": {"classes": NAMES, "palette": np.zeros((11, 3), int)}}
    torch.save({"meta": meta, "network": state, "best": np.float64(1)}, path)
    shown = run("inspect", path)
    assert "weights: found under network\n" in shown.stdout
    assert "weights: taken off every name: model.\n" in shown.stdout
    assert "(not stated: part 0, part 1, part 2, part 3, ...)" in shown.stdout
    assert "warning" not in shown.stderr
    document = json.loads(run("inspect", path, "--json").stdout)
    assert document["notes"] == ["found under network", "taken off every name: model."]
