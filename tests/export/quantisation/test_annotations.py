"""What is quantised of a graph, and what is not."""

import pytest
import torch
from torch import nn
from torch.nn import functional

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
