"""A teacher of the bundled weights, with the real packages that it begins with."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import topformer.weights
from support.training_fakes import make_folder, small_recipe
from topformer.benchmarks.studies import teacher
from topformer.benchmarks.studies.pyramid import Pyramid, read_pyramid
from topformer.classes import numbered_classes
from topformer.errors import TopformerError
from topformer.tasks import SEGMENTATION
from topformer.training.recipe import load_recipe, recipe_sha256, recipe_text
from topformer.training.teachers import open_teacher

RECIPE = Path(topformer.weights.__file__).with_name("teacher.toml")
pytestmark = pytest.mark.slow


def test_the_command_trains_goes_on_and_writes_what_can_teach(tmp_path, monkeypatch, capsys):
    folder, recipe = make_folder(tmp_path / "data"), tmp_path / "recipe.toml"
    out = tmp_path / "out"
    arguments = ["teacher", "folder", str(folder), str(out), str(recipe)]
    monkeypatch.setattr(sys, "argv", arguments)
    usual = {"ema_decay": 0.5, "head_rate_factor": 3.0}
    recipe.write_text(recipe_text(small_recipe(iterations=2, **usual)))
    assert teacher.main() == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out / "teacher.onnx")
    assert "step 2: mIoU" in printed.err
    chosen = load_recipe("folder", "tiny", path=recipe)
    network = teacher.train(teacher.open_goal(SEGMENTATION, "folder", folder, chosen), out, 0)
    assert capsys.readouterr().err == "", "no step was left"
    taught = open_teacher(small_recipe(teacher=str(out / "teacher.onnx")), numbered_classes(3))
    pictures = torch.randn(3, 3, 64, 96)
    with torch.no_grad():
        expected = network(pictures)
        again = read_pyramid(out / "teacher.safetensors")(pictures)
    assert expected.shape == (3, 3, 8, 12)
    assert torch.equal(again, expected)
    torch.testing.assert_close(taught.network(pictures), expected, rtol=1e-3, atol=1e-4)
    recipe.write_text(recipe_text(small_recipe(iterations=3, **usual)))
    assert teacher.main() == 1
    assert "another recipe" in capsys.readouterr().err
    # Its weights of ImageNet are a package that the tests do without.
    monkeypatch.setattr(
        teacher, "Pyramid", lambda classes, lite, learnt: Pyramid(classes, lite, learnt=False)
    )
    with pytest.raises(TopformerError, match="another LITE"):
        teacher.train(teacher.open_goal(SEGMENTATION, "folder", folder, chosen), out, 1)


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (KeyError("model"), TopformerError),
        (TypeError(), TopformerError),
        (ValueError("loaded state dict has\nanother size"), TopformerError),
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError),
    ],
)
def test_a_state_that_does_not_load_is_told_for_what_it_is(tmp_path, monkeypatch, trouble, told):
    recipe = small_recipe(iterations=2)

    def load_state(_learner, _state):
        raise trouble

    def stored(_out):
        return SimpleNamespace(
            index=SimpleNamespace(recipe_sha256=recipe_sha256(recipe), step=1), state={}
        )

    monkeypatch.setattr(
        teacher, "Pyramid", lambda classes, lite, learnt: Pyramid(classes, lite, learnt=False)
    )
    monkeypatch.setattr(teacher, "restore", stored)
    monkeypatch.setattr(teacher.Learner, "load_state", load_state)
    goal = teacher.open_goal(SEGMENTATION, "folder", make_folder(tmp_path / "data"), recipe)
    with pytest.raises(told) as caught:
        teacher.train(goal, tmp_path / "out", 0)
    if told is TopformerError:
        assert caught.value.what == f"The run in {tmp_path / 'out'} does not fit this teacher."


def test_the_recipe_that_is_shipped_is_one():
    recipe = load_recipe("camvid", "tiny", path=RECIPE)
    assert recipe.crop == (448, 448)


def test_a_network_that_there_is_not_is_refused(tmp_path, monkeypatch, capsys):
    folder, recipe = make_folder(tmp_path / "data"), tmp_path / "recipe.toml"
    recipe.write_text(recipe_text(small_recipe()))
    words = ["teacher", "folder", str(folder), str(tmp_path / "out"), str(recipe), "3"]
    monkeypatch.setattr(sys, "argv", words)
    assert teacher.main() == 2
    assert "no EfficientNet-Lite3 here" in capsys.readouterr().err


def test_wrong_usage_prints_what_it_is_for(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["teacher"])
    assert teacher.main() == 2
    assert "DATASET ROOT OUT" in capsys.readouterr().err
