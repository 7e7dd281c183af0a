"""The shipped targets, and what each makes of the network."""

import re

import pytest
import torch
from torch import nn

from topformer.export.targets import get_target, target_names
from topformer.export.targets.onnx import describe_change
from topformer.fusion import fuse
from topformer.model import create_model

pytestmark = pytest.mark.slow


def test_the_shipped_targets_are_found():
    assert target_names() == ["onnx", "xnnpack"]


# What a size changes is alike in every variant: none has another number of stages. Square pictures,
# Small and Base are looked at where they are exported anyway.
def test_the_network_lowers_to_one_delegate():
    height, width = 384, 576
    network = fuse(create_model("tiny").eval())
    delegation = get_target("xnnpack").lower(network, torch.randn(1, 3, height, width)).delegation
    assert delegation.delegates == 1
    assert delegation.outside == ()
    assert delegation.macs_inside_share == 1.0
    convolutions = {group.operator: group for group in delegation.inside}
    assert convolutions["aten.convolution.default"].macs > 4e8
    assert delegation.planned_memory_bytes >= 4 * 3 * height * width


def test_an_operator_the_partitioner_refuses_carries_its_own_words():
    class Sine(nn.Module):
        def forward(self, x):
            return torch.atan(x) * 2.0

    delegation = get_target("xnnpack").lower(Sine(), torch.randn(1, 3, 8, 8)).delegation
    (group,) = delegation.outside
    assert "atan" in group.operator
    assert group.reason


def test_onnx_carries_no_trace_of_the_machine_and_is_deterministic():
    network = fuse(create_model("tiny").eval())
    example = torch.randn(1, 3, 64, 64)
    first = get_target("onnx").lower(network, example)
    second = get_target("onnx").lower(network, example)
    assert first.data == second.data
    # Three letters alone turn up by chance among five million bytes of weights.
    assert not re.search(rb"[a-z_]{4,}\.py", first.data)
    assert b"site-packages" not in first.data


def test_what_onnxsim_changed_is_said():
    import onnx

    def graph(*operators):
        nodes = [onnx.helper.make_node(name, ["x"], ["y"]) for name in operators]
        return onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], []))

    same = describe_change(graph("Conv", "Add"), graph("Conv", "Add"))
    assert same == "onnxsim: 2 -> 2 operators, none changed"
    fewer = describe_change(graph("Conv", "Add", "Add"), graph("Conv", "Add"))
    assert fewer == "onnxsim: 3 -> 2 operators (Add 2 -> 1)"
