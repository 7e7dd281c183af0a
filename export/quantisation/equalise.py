"""Scale channels so that those which share 8 bits use them alike; the network computes the same.

Where only linear layers and ReLU lie between two convolutions, what the first makes of a channel
can be multiplied by a positive factor, and what the second takes of it divided by that factor
(Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019). An
activation has one scale for all channels, a weight one for each output channel: so scaling outputs
costs nothing, and scaling the inputs of a depthwise convolution neither. Those of a dense one are
a compromise, which `_exponent` finds. ReLU6 lets nothing be scaled through it.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from topformer.export.quantisation.channel_groups import ChannelGroup, channel_groups, conv_at
from topformer.networks import AnyNetwork

NetworkT = TypeVar("NetworkT", bound=AnyNetwork)

_EXPONENTS = tuple(step / 10 for step in range(11))
# A channel that is next to dead is scaled up no further.
_LARGEST_SCALE = 64.0


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What was seen of a module's output, by channel [c]."""

    low: Tensor
    high: Tensor
    # The mean of the squares.
    power: Tensor

    @property
    def largest(self) -> Tensor:
        return torch.maximum(self.high, -self.low)


@torch.no_grad()
def equalise(network: NetworkT, pictures: Sequence[Tensor]) -> NetworkT:
    """Return a fused network that computes the same with channels of like ranges.

    Ranges are those on `pictures`, each [1, 3, h, w].
    """
    equal = copy.deepcopy(network)
    groups = list(channel_groups(network))
    seen = _watch(network, {path for group in groups for path, _ in group.seen}, pictures)
    for group in groups:
        _apply(equal, group, _factors(network, group, seen))
    return equal


def _watch(network: nn.Module, paths: set[str], pictures: Sequence[Tensor]) -> dict[str, _Seen]:
    """Run the network over pictures, and keep what is seen of the outputs of some modules."""
    found: dict[str, _Seen] = {}

    def look(path: str, output: Tensor) -> None:
        low, high = output.amin((0, 2, 3)), output.amax((0, 2, 3))
        power = output.square().mean((0, 2, 3)) / len(pictures)
        if path in found:
            before = found[path]
            low, high = torch.minimum(low, before.low), torch.maximum(high, before.high)
            power = power + before.power
        found[path] = _Seen(low=low, high=high, power=power)

    def hook(path: str) -> Callable[[nn.Module, object, Tensor], None]:
        return lambda _module, _inputs, output: look(path, output)

    handles = [network.get_submodule(path).register_forward_hook(hook(path)) for path in paths]
    try:
        for picture in pictures:
            network(picture)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _factors(network: nn.Module, group: ChannelGroup, seen: dict[str, _Seen]) -> Tensor:
    """Find the factors of a group's channels [c]: the rarely large ones are scaled up.

    A channel's range is the largest share it has of any tensor that holds it.
    """
    end = group.channels
    shares = [
        seen[path].largest[first : first + end] / seen[path].largest.max().clamp_min(1e-12)
        for path, first in group.seen
    ]
    share = torch.stack(shares).amax(0)
    share = (share / share.max().clamp_min(1e-12)).clamp_min(1e-12)
    dense = [
        conv_at(network, path).weight[:, first : first + end].flatten(2)
        for path, first in group.consumers
        if conv_at(network, path).groups == 1
    ]
    path, first = group.seen[0]
    watched = seen[path]
    part = _Seen(
        low=watched.low[first : first + end],
        high=watched.high[first : first + end],
        power=watched.power[first : first + end],
    )
    options = _EXPONENTS if dense else _EXPONENTS[-1:]
    candidates = [share.pow(-exponent).clamp_max(_LARGEST_SCALE) for exponent in options]
    return min(candidates, key=lambda factors: _noise(factors, part, dense))


def _noise(factors: Tensor, seen: _Seen, dense: Sequence[Tensor]) -> float:
    """Estimate the power that rounding adds to what dense consumers make of the channels.

    Rounding to steps of d adds d^2/12. A channel's rounding passes the weight that takes it; a
    weight's rounding is multiplied by the channel. `dense` are weights
    [c_out, c, taps].
    """
    low, high = (factors * seen.low).min().clamp_max(0.0), (factors * seen.high).max()
    step = (high - low) / 255
    noise = torch.zeros(())
    for weight in dense:
        scaled = weight / factors[:, None]
        weight_steps = scaled.abs().amax((1, 2)) / 127
        taps = weight.shape[2]
        noise = noise + step.square() * scaled.square().sum()
        noise = noise + weight_steps.square().sum() * taps * (factors.square() * seen.power).sum()
    return float(noise)


def _apply(network: nn.Module, group: ChannelGroup, factors: Tensor) -> None:
    end = group.channels
    for path, first in group.producers:
        conv = conv_at(network, path)
        conv.weight[first : first + end] *= factors[:, None, None, None]
        assert conv.bias is not None
        conv.bias[first : first + end] *= factors
    for path, first in group.consumers:
        conv = conv_at(network, path)
        if conv.groups == 1:
            conv.weight[:, first : first + end] /= factors[None, :, None, None]
        else:
            conv.weight[first : first + end] /= factors[:, None, None, None]
