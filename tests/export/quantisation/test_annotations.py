"""What is quantised of a graph, and what is not."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from topformer import metrics
from topformer.export.quantisation.quantiser import observe, quantise
from topformer.export.quantisation.simulation import Simulation

pytestmark = pytest.mark.slow


class Injection(nn.Module):
    """A small map that gates a large one, as in the network; and a residual sum."""

    def __init__(self):
        super().__init__()
        self.local = nn.Conv2d(3, 4, 3, padding=1)
        self.gate = nn.Conv2d(4, 4, 1)
        self.limit = nn.Hardtanh(0.0, 1.0)
        self.last = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        local = self.local(x)
        local = local + local
        gate = self.limit(self.gate(local[:, :, ::8, ::8]))
        return self.last(local * functional.interpolate(gate, scale_factor=8.0, mode="bilinear"))


@pytest.fixture(scope="module")
def observed(pictures):
    torch.manual_seed(0)
    return observe(Injection().eval(), pictures)


def names_after(graph, name):
    """Names of what takes the output of a node."""
    (node,) = [one for one in graph.graph.nodes if str(one.target).startswith(name)]
    return [str(user.target) for user in node.users]


def test_limits_are_computed_with_their_convolution(observed):
    """No rounding between them, or bits are spent on what is cut off."""
    graph = quantise(observed)
    (limit,) = [one for one in graph.graph.nodes if str(one.target).startswith("aten.hardtanh.")]
    assert str(limit.args[0].target).startswith("aten.conv2d.")
    assert "quantize_per_tensor" in names_after(graph, "aten.hardtanh.")[0]


def test_a_product_of_resized_maps_stays_in_float32(observed):
    graph = quantise(observed)
    assert names_after(graph, "aten.upsample_bilinear2d.") == ["aten.mul.Tensor"]
    assert "quantize_per_tensor" in names_after(graph, "aten.add.")[0]


def test_such_a_product_is_no_layer(observed):
    assert sorted(Simulation(observed).layers) == ["", "gate", "last", "local"]


class Shared(nn.Module):
    """One convolution for maps of two scales, as a detector's head has it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.both = nn.Conv2d(8, 4, 1)
        self.last = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        fine = torch.relu(self.first(x))
        coarse = 30.0 * functional.max_pool2d(fine, 2)
        return tuple(self.last(torch.relu(self.both(one))) for one in (fine, coarse))


def test_a_weight_that_several_convolutions_share_is_quantised_for_all_of_them(pictures):
    observed = observe(Shared().eval(), pictures)
    made = quantise(observed)
    convolutions = [node for node in made.graph.nodes if "conv2d" in str(node.target)]
    assert len(convolutions) == 5
    for node in convolutions:
        taken, weight = node.args[:2]
        assert "dequantize_per_tensor" in str(taken.target)
        assert "dequantize_per_channel" in str(weight.target)
    assert len({node.args[2] for node in convolutions}) == 5
    with torch.no_grad():
        for expected, found in zip(Shared().eval()(pictures[0]), made(pictures[0]), strict=True):
            assert metrics.sqnr_db(expected.numpy(), found.numpy()) > 25
