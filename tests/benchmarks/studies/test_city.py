"""What a network of Cityscapes says in CamVid's classes, with a small stand-in for EdgeNets.

Made as the real one: EdgeNets 2b232d3, model/segmentation/espnetv2.py, class ESPNetv2Segmentation:
`__init__(self, args, classes=21, dataset='pascal')` (line 21), which takes `s`, `channels` and
`num_classes` from `args`, and logits of the pictures' size (line 163). The real one has been tried
by hand.
"""

import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from support.folders import write_folder
from support.training_fakes import small_recipe
from topformer.benchmarks.studies import city, teacher
from topformer.classes import dataset_classes, numbered_classes
from topformer.errors import TopformerError, UsageError
from topformer.training.recipe import recipe_text
from topformer.training.teachers import open_teacher

CAMVID, CITYSCAPES = dataset_classes("camvid"), dataset_classes("cityscapes")
NETWORK = """
from torch import nn

class ESPNetv2Segmentation(nn.Module):
    def __init__(self, args, classes=21, dataset='pascal'):
        super().__init__()
        assert (args.s, args.num_classes, dataset) == (2.0, 1000, "city")
        self.seen = nn.Conv2d(args.channels, classes, 1)

    def forward(self, x):
        return self.seen(x)
"""


@pytest.fixture
def edgenets(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    root = tmp_path / "EdgeNets"
    path = root / "model" / "segmentation" / "espnetv2.py"
    path.parent.mkdir(parents=True)
    path.write_text(NETWORK)
    weights = root / city.WEIGHTS
    weights.parent.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    state = {
        "seen.weight": torch.randn(20, 3, 1, 1, generator=generator),
        "seen.bias": torch.randn(20, generator=generator),
    }
    torch.save(state, weights)
    yield root
    for name in ("model", "model.segmentation", "model.segmentation.espnetv2"):
        sys.modules.pop(name, None)


def say(network: city.CityNetwork, **biases: float) -> torch.Tensor:
    """What it says of a picture of which the network within sees these classes only."""
    with torch.no_grad():
        network.network.seen.weight.zero_()
        network.network.seen.bias.fill_(-20.0)
        for name, bias in biases.items():
            network.network.seen.bias[CITYSCAPES.names.index(name)] = bias
        return network(torch.zeros(1, 3, 16, 24))


def test_each_class_of_cityscapes_is_told_once():
    ids = [one for several in city.CITY_IDS.values() for one in several]
    assert sorted(ids) == list(range(len(CITYSCAPES.names)))
    assert tuple(city.CITY_IDS) == CAMVID.names


@pytest.mark.parametrize(
    ("seen", "told"),
    [("vegetation", "tree"), ("bus", "car"), ("rider", "bicyclist"), ("wall", "fence")],
)
def test_a_class_is_told_by_camvids_name(edgenets, seen, told):
    said = say(city.CityNetwork(edgenets, CAMVID), **{seen: 5.0})
    assert said.shape == (1, 11, 2, 3)
    assert (said.argmax(1) == CAMVID.names.index(told)).all()
    assert said.exp().min() >= city.LEAST_PROBABILITY * 0.999, "nothing is impossible"


def test_the_shares_of_what_is_one_class_in_camvid_add_up(edgenets):
    network = city.CityNetwork(edgenets, CAMVID)
    # Alone, road would win over each of the two.
    said = say(network, road=3.0, car=2.9, truck=2.9)
    shares = torch.tensor([3.0, 2.9, 2.9]).softmax(0)
    found = said[0, :, 0, 0].exp()
    assert found[CAMVID.names.index("road")] == pytest.approx(shares[0].item(), rel=1e-4)
    assert found[CAMVID.names.index("car")] == pytest.approx(shares[1:].sum().item(), rel=1e-4)


def test_joined_networks_say_their_mean():
    def of(*values):
        module = torch.nn.Conv2d(1, len(values), 1)
        torch.nn.init.zeros_(module.weight)
        module.bias = torch.nn.Parameter(torch.tensor(values))
        return module

    # By the second the third class is out of the question; by the first, all but hopeless.
    said = city.Joined(of(1.0, 0.0, -5.0), of(0.0, 2.0, -50.0))(torch.zeros(1, 1, 1, 1))
    shares = said.softmax(1).flatten()
    expected = torch.tensor([0.5, 1.0, -27.5]).softmax(0)
    torch.testing.assert_close(shares, expected)


def test_other_classes_and_folders_without_it_are_refused(edgenets, tmp_path):
    with pytest.raises(UsageError, match="in CamVid's only"):
        city.CityNetwork(edgenets, numbered_classes(11))
    with pytest.raises(TopformerError, match=r"espnetv2_s_2\.0_city"):
        city.CityNetwork(tmp_path / "elsewhere", CAMVID)


@pytest.mark.slow
def test_the_teacher_is_written_with_what_it_says_in_it(edgenets, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    folder, recipe, out = tmp_path / "data", tmp_path / "recipe.toml", tmp_path / "out"
    for split in ("train", "val"):
        pairs = {
            f"{split}{number}": (
                rng.integers(0, 256, (96, 128, 3), np.uint8),
                rng.integers(0, 11, (96, 128), np.uint8),
            )
            for number in range(2)
        }
        write_folder(folder, pairs, split=split, classes=CAMVID.names, palette=CAMVID.palette)
    recipe.write_text(recipe_text(small_recipe(iterations=1)))
    arguments = ["teacher", "folder", str(folder), str(out), str(recipe), str(edgenets)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert teacher.main() == 0
    taught = open_teacher(small_recipe(teacher=str(out / "teacher.onnx")), CAMVID)
    monkeypatch.setattr(sys, "argv", arguments[:-1])
    assert teacher.main() == 0
    alone = open_teacher(small_recipe(teacher=str(out / "teacher.onnx")), CAMVID)
    pictures = torch.randn(3, 3, 64, 96)
    with torch.no_grad():
        said = city.CityNetwork(edgenets, CAMVID).eval()(pictures).log_softmax(1)
    expected = (alone(pictures).log_softmax(1) + said) / 2
    torch.testing.assert_close(taught(pictures), expected, rtol=1e-3, atol=1e-3)
    assert functional.mse_loss(taught(pictures), alone(pictures)) > 0.01
