"""Rounding that can be switched on and off layer by layer, in torch's float32."""

# pyright: standard
# Not strict: torch types its graphs loosely.

import copy
from collections import defaultdict
from collections.abc import Collection
from typing import cast

import torch
from torch import Tensor, fx, nn
from torchao.quantization.pt2e.observer import UniformQuantizationObserverBase

from topformer.export.quantisation.annotations import is_limit
from topformer.export.quantisation.quantiser import layer_of
from topformer.rounding import round_activation, round_weight


class Rounding(nn.Module):
    """Rounds a value to the steps that an observer found, while it is switched on."""

    def __init__(self, observer: UniformQuantizationObserverBase) -> None:
        super().__init__()
        self.is_on = False
        scale, zero_point = cast("tuple[Tensor, Tensor]", observer.calculate_qparams())
        self._scale, self._zero_point = scale, zero_point.int()
        self._by_channel = observer.qscheme == torch.per_channel_symmetric

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        if not self.is_on:
            return x
        if self._by_channel:
            return round_weight(x, self._scale)
        return round_activation(x, self._scale, self._zero_point)


class Simulation:
    """An observed network whose layers can be quantised one by one.

    A layer is all quantised operators of one module: what they take, their weights and what they
    give. A value that two layers share is rounded where either is quantised.
    """

    def __init__(self, observed: fx.GraphModule) -> None:
        self.network = copy.deepcopy(observed)
        self.layers = self._find_layers(self._replace_observers())

    @property
    def roundings(self) -> set[Rounding]:
        """All of them."""
        return {one for layer in self.layers.values() for one in layer}

    def quantise(self, layers: Collection[str]) -> nn.Module:
        """Quantise these layers and no others; returns the network, which is always the same."""
        on = {one for layer in layers for one in self.layers[layer]}
        for rounding in self.roundings:
            rounding.is_on = rounding in on
        return self.network

    def _replace_observers(self) -> dict[str, Rounding]:
        """Put a rounding in the place of each observer; one that stands in two places stays one."""
        made: dict[int, Rounding] = {}
        found: dict[str, Rounding] = {}
        for name, module in list(self.network.named_modules(remove_duplicate=False)):
            if isinstance(module, UniformQuantizationObserverBase):
                rounding = made.setdefault(id(module), Rounding(module))
                parent, _, leaf = name.rpartition(".")
                setattr(self.network.get_submodule(parent), leaf, rounding)
                found[name] = rounding
        return found

    def _find_layers(self, roundings: dict[str, Rounding]) -> dict[str, tuple[Rounding, ...]]:
        """Give each rounding to the layers whose operators it stands before or after."""

        def rounding_of(node: fx.Node) -> Rounding | None:
            return roundings.get(str(node.target)) if node.op == "call_module" else None

        layers: defaultdict[str, dict[Rounding, None]] = defaultdict(dict)
        for node in self.network.graph.nodes:
            taken = [one for one in node.all_input_nodes if one.op != "get_attr"]
            before = [one for one in map(rounding_of, taken) if one]
            # Where something is taken in float32, all is computed in it.
            is_quantised = before and len(before) == len(taken)
            if node.op != "call_function" or not is_quantised or not _is_product_or_sum(node):
                continue
            after = _after_activation(node)
            given = [one for one in map(rounding_of, after.users) if one]
            layers[layer_of(node)].update(dict.fromkeys([*before, *given]))
        return {path: tuple(found) for path, found in layers.items()}


def _is_product_or_sum(node: fx.Node) -> bool:
    names = ("aten.conv2d", "aten.add", "aten.mul", "aten.cat")
    return str(node.target).startswith(names)


def _after_activation(node: fx.Node) -> fx.Node:
    """Return the limit that is computed with an operator, or the operator itself."""
    users = list(node.users)
    if len(users) == 1 and (is_limit(users[0]) or str(users[0].target).startswith("aten.relu.")):
        return users[0]
    return node
