"""The backbones that TopFormer's detectors are compared with, and what is made of them."""

import pytest
import torch
from torchvision.models import mobilenet_v3_large, shufflenet_v2_x1_0

from topformer.benchmarks.studies.backbones import (
    BACKBONES,
    MobileNetTaps,
    ShuffledBlock,
    ShuffleNetTaps,
    create_contestant,
    deployed,
)
from topformer.benchmarks.studies.detectors import Contestant, export_contestant, sizes_of
from topformer.detection import LITE, RETINANET
from topformer.manifest import read_manifest_of
from topformer.runtimes import open_model


@pytest.mark.parametrize(
    ("backbone", "parameters_m", "gflops"),
    [("shufflenet-v2-x1.0", 10.4, 161), ("mobilenet-v3-large", 12.3, 162)],
)
def test_published_sizes_are_met(backbone, parameters_m, gflops):
    """GFLOPs are published in whole numbers, and these are within one."""
    sizes = sizes_of(Contestant(backbone=backbone, head=RETINANET))
    assert round(sizes.published_parameters_m, 1) == parameters_m
    assert abs(sizes.published_gmac - gflops) < 1


@pytest.mark.parametrize("taps", [MobileNetTaps, ShuffleNetTaps])
def test_maps_lie_at_8_16_and_32(taps):
    with torch.no_grad():
        maps = taps().eval()(torch.zeros(1, 3, 64, 96))
    shapes = [
        (channels, 64 // s, 96 // s) for channels, s in zip(taps.channels, (8, 16, 32), strict=True)
    ]
    assert [tuple(one.shape[1:]) for one in maps] == shapes


def test_the_maps_are_those_of_torchvision():
    torch.manual_seed(0)
    picture = torch.randn(1, 3, 64, 64)
    torch.manual_seed(1)
    last = MobileNetTaps().eval()(picture)[-1]
    torch.manual_seed(1)
    features = mobilenet_v3_large().eval().features[:16]
    assert torch.equal(last, features(picture))


def test_a_block_without_a_split_shuffles_alike():
    torch.manual_seed(0)
    stage = shufflenet_v2_x1_0().eval().stage2
    maps = torch.randn(1, 24, 12, 16)
    for block in stage:
        expected = block(maps)
        assert torch.equal(ShuffledBlock(block)(maps), expected)
        maps = expected


@pytest.mark.parametrize("backbone", BACKBONES)
def test_what_is_folded_computes_the_same(backbone):
    detector = create_contestant(backbone, LITE).double()
    picture = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        pairs = list(zip(detector(picture), deployed(detector)(picture), strict=True))
    for expected, found in pairs:
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_a_contestant_is_exported_as_one_delegate(tmp_path):
    contestant = Contestant(backbone="shufflenet-v2-x1.0", head=LITE)
    path = contestant.path(tmp_path, 64)
    export_contestant(contestant, path, 64)
    manifest = read_manifest_of(path)
    assert manifest.delegation.delegates == 1
    assert manifest.model.variant == "shufflenet-v2-x1.0"
    assert open_model(path).task.noun == "boxes"
