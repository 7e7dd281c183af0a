"""Equalised networks: the same function with channels of like ranges."""

import pytest
import torch

from support.detectors import finding_detector
from topformer import metrics
from topformer.detection import HEADS
from topformer.export.quantisation.channel_groups import channel_groups
from topformer.export.quantisation.equalise import equalise
from topformer.fusion import fuse
from topformer.model import create_model
from topformer.networks import create_network
from topformer.variants import VARIANTS
from topformer.weights import load_weights


@pytest.fixture(scope="module")
def shown():
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(1, 3, 64, 64, generator=generator) for _ in range(2))


@pytest.fixture(scope="module")
def golden_network(golden_path):
    return fuse(load_weights(str(golden_path)).model)


def outputs_of(network, path, picture):
    found = []
    handle = network.get_submodule(path).register_forward_hook(
        lambda _module, _inputs, output: found.append(output)
    )
    with torch.no_grad():
        network(picture)
    handle.remove()
    return found[0]


def spread(network, path, picture):
    """The largest channel's range against the smallest's."""
    largest = outputs_of(network, path, picture).abs().amax((0, 2, 3))
    return float(largest.max() / largest[largest > 0].min())


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_network_computes_the_same(variant, shown):
    torch.manual_seed(1)
    model = create_model(variant).eval()
    # At random statistics, as trained networks have them, so that biases count too.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.weight, 0.2, 2.0)
    network = fuse(model)
    equal = equalise(network, shown)
    with torch.no_grad():
        expected, found = network(shown[0]).numpy(), equal(shown[0]).numpy()
    assert metrics.sqnr_db(expected, found) > 60
    assert not torch.equal(
        network.backbone.tpm.layer2.conv[0].c.weight, equal.backbone.tpm.layer2.conv[0].c.weight
    )


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("variant", ["tiny", "base"])
def test_a_detector_computes_the_same(variant, head, shown):
    network = fuse(finding_detector(variant, head))
    equal = equalise(network, shown)
    with torch.no_grad():
        for expected, found in zip(network(shown[0]), equal(shown[0]), strict=True):
            assert metrics.sqnr_db(expected.numpy(), found.numpy(), least_deviation=1e-3) > 60
    changed = {
        name.rpartition(".")[0]
        for name, tensor in equal.state_dict().items()
        if not torch.equal(tensor, network.state_dict()[name])
    }
    assert {"backbone.SIM.3.local_embedding.conv", "backbone.tpm.layer2.conv.0.c"} <= changed
    inner = "fpn.inner_blocks.2." + ("c" if head == "lite" else "0")
    assert inner in changed
    if head == "lite":
        assert {"fpn.p7.2.c", "head.logits.4.conv1.0.c", "head.offsets.0.last"} <= changed


def test_hidden_channels_get_ranges_more_alike(golden_network, shown):
    equal = equalise(golden_network, shown)
    for path in ("backbone.tpm.layer4.conv.1", "backbone.trans.transformer_blocks.2.mlp.fc1.c"):
        assert spread(equal, path, shown[0]) < 0.5 * spread(golden_network, path, shown[0])


def test_the_network_itself_is_not_changed(golden_network, shown):
    before = {name: value.clone() for name, value in golden_network.state_dict().items()}
    equalise(golden_network, shown)
    assert all(
        torch.equal(value, before[name]) for name, value in golden_network.state_dict().items()
    )


@pytest.mark.parametrize("head", ["", *HEADS])
def test_no_channel_is_scaled_twice_by_one_convolution(head):
    """Every output channel belongs to at most one group, and so does every input channel."""
    network = create_network("tiny", 3, detection_head=head)
    groups = list(channel_groups(fuse(network)))
    for role in ("producers", "consumers"):
        taken = set()
        for group in groups:
            for path, first in getattr(group, role):
                own = {(path, channel) for channel in range(first, first + group.channels)}
                assert not taken & own
                taken |= own
        assert taken
