"""Correct biases, so that rounding moves no channel's mean.

Rounding weights and cutting ranges shifts what a convolution gives on average, and later layers get
that for their input (Nagel et al., 2019, as in `equalise`). Going through the quantised network in
the order of execution, each bias is moved by what its channel's mean over pictures has strayed,
all corrections before it being made already.
"""

# pyright: standard
# Not strict: torch types its graphs loosely.

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from topformer.export.quantisation.simulation import Simulation

# All of them go through a node together, so that they are in memory together.
_PICTURES = 8


@torch.no_grad()
def correct_biases(observed: fx.GraphModule, pictures: Sequence[Tensor]) -> None:
    """Change the biases of an observed network, by the first of its pictures [1, 3, h, w]."""
    simulation, pictures = Simulation(observed), pictures[:_PICTURES]
    expected: dict[str, Tensor] = {}
    simulation.quantise(())
    _walk(simulation.network, pictures, lambda node, mean: expected.update({node.name: mean}))
    simulation.quantise(simulation.layers)

    def correct(node: fx.Node, mean: Tensor) -> Tensor:
        shift = expected[node.name] - mean
        observed.get_parameter(_bias_name(node)).add_(shift)
        return shift

    _walk(simulation.network, pictures, correct)


def _walk(
    graph: fx.GraphModule,
    pictures: Sequence[Tensor],
    visit: Callable[[fx.Node, Tensor], Tensor | None],
) -> None:
    """Run all pictures through each node in turn.

    Every convolution's node is visited with the mean of its output by channel [c]; what is returned
    is added to that output.
    """
    waiting = Counter(node for user in graph.graph.nodes for node in user.all_input_nodes)
    values: list[dict[fx.Node, Tensor]] = [{} for _ in pictures]
    for node in graph.graph.nodes:
        if node.op == "output":
            return
        for picture, held in zip(pictures, values, strict=True):
            held[node] = _compute(graph, node, held, picture)
        if str(node.target).startswith("aten.conv2d"):
            means = torch.stack([held[node].mean((0, 2, 3)) for held in values])
            shift = visit(node, means.mean(0))
            if shift is not None:
                for held in values:
                    held[node] = held[node] + shift[None, :, None, None]
        for used in node.all_input_nodes:
            waiting[used] -= 1
            if not waiting[used]:
                for held in values:
                    del held[used]


def _compute(
    graph: fx.GraphModule, node: fx.Node, held: dict[fx.Node, Tensor], picture: Tensor
) -> Tensor:
    args = map_arg(node.args, held.__getitem__)
    if node.op == "placeholder":
        return picture
    if node.op == "get_attr":
        parent, _, name = str(node.target).rpartition(".")
        return getattr(graph.get_submodule(parent), name)
    if node.op == "call_module":
        return graph.get_submodule(str(node.target))(*args)
    assert callable(node.target)
    return node.target(*args, **map_arg(node.kwargs, held.__getitem__))


def _bias_name(node: fx.Node) -> str:
    bias = node.args[2]
    assert isinstance(bias, fx.Node)
    return str(bias.target)
