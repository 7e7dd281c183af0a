"""Rewritten networks: the same function, without the head's depthwise convolution."""

import pytest
import torch
from torch import nn

from topformer import metrics
from topformer.export.quantisation.rewriting import fold_head, rewrite
from topformer.fusion import fuse
from topformer.model import create_model


@pytest.fixture(scope="module")
def shown():
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(1, 3, 64, 64, generator=generator) for _ in range(2))


def fused(variant):
    torch.manual_seed(1)
    model = create_model(variant, 11).eval()
    # At random statistics, as trained networks have them: negative factors and biases too.
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.weight, -2.0, 2.0)
    return fuse(model)


def convolutions(network):
    return sum(isinstance(module, nn.Conv2d) for module in network.modules())


def sqnr(network, found, picture):
    with torch.inference_mode():
        return metrics.sqnr_db(network(picture).numpy(), found(picture).numpy())


def test_a_depthwise_head_is_folded_into_what_it_sums(shown):
    network = fused("tiny")
    folded = fold_head(network)
    assert convolutions(folded) == convolutions(network) - 1
    assert sqnr(network, folded, shown[0]) > 90


def test_a_dense_head_stays(shown):
    network = fused("small")
    assert network.decode_head.linear_fuse.conv.groups == 1
    folded = fold_head(network)
    assert convolutions(folded) == convolutions(network)
    assert sqnr(network, folded, shown[0]) > 200


@pytest.mark.parametrize("foreign", [False, True])
def test_a_rewritten_network_computes_the_same(shown, foreign):
    network = fused("tiny")
    before = network.backbone.SIM[1].local_embedding.conv.weight.clone()
    made = rewrite(network, shown, foreign=foreign)
    assert sqnr(network, made, shown[0]) > 60
    assert torch.equal(network.backbone.SIM[1].local_embedding.conv.weight, before)
    first = [one.backbone.tpm.layer2.conv[0].c.weight for one in (network, made)]
    assert torch.equal(*first) == foreign
