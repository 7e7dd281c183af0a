"""Scale channels so that those which share 8 bits use them alike; the network computes the same.

Where only linear layers and ReLU lie between two convolutions, what the first makes of a channel
can be multiplied by a positive factor, and what the second takes of it divided by that factor
(Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019). An
activation has one scale for all channels, a weight one for each output channel: so scaling outputs
costs nothing, and scaling the inputs of a depthwise convolution neither. Those of a dense one are
a compromise, which `_exponent` finds. ReLU6 lets nothing be scaled through it.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from topformer.model import InvertedResidual, SemanticsInjection, TopFormer

_EXPONENTS = tuple(step / 10 for step in range(11))
# A channel that is next to dead is scaled up no further.
_LARGEST_SCALE = 64.0
_PYRAMID, _BLOCKS = "backbone.tpm", "backbone.trans.transformer_blocks"

# Path of a module, and the first of its channels that belong to a group.
Place = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class ChannelGroup:
    """Channels with one factor each, wherever they are seen."""

    channels: int
    # Modules whose outputs hold them: the first is what a dense consumer takes.
    seen: tuple[Place, ...]
    # Convolutions that have them as outputs, and such as have them as inputs.
    producers: tuple[Place, ...]
    consumers: tuple[Place, ...]


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
def equalise(network: TopFormer, pictures: Sequence[Tensor]) -> TopFormer:
    """Return a fused network that computes the same with channels of like ranges.

    Ranges are those on `pictures`, each [1, 3, h, w].
    """
    equal = copy.deepcopy(network)
    groups = list(channel_groups(network))
    seen = _watch(network, {path for group in groups for path, _ in group.seen}, pictures)
    for group in groups:
        _apply(equal, group, _factors(network, group, seen))
    return equal


def channel_groups(network: TopFormer) -> Iterator[ChannelGroup]:
    """Find all channels of a network that can be scaled."""
    pyramid = network.backbone.tpm
    for name in pyramid.layer_names:
        layer = pyramid.get_submodule(name)
        assert isinstance(layer, InvertedResidual)
        yield from _hidden_groups(f"{_PYRAMID}.{name}.conv", layer)
    yield from _stream_groups(network)
    for number in range(len(network.backbone.trans.transformer_blocks)):
        mlp = f"{_BLOCKS}.{number}.mlp"
        yield _chain(network, f"{mlp}.fc1.c", f"{mlp}.fc1.c", f"{mlp}.dwconv")
    yield from _head_groups(network)


def _chain(network: nn.Module, producer: str, seen: str, consumer: str) -> ChannelGroup:
    """Take the channels between two convolutions that follow each other."""
    return ChannelGroup(
        channels=_conv(network, producer).out_channels,
        seen=((seen, 0),),
        producers=((producer, 0),),
        consumers=((consumer, 0),),
    )


def _hidden_groups(path: str, layer: InvertedResidual) -> Iterator[ChannelGroup]:
    """Take the channels inside a bottleneck, after each of its ReLUs."""
    last = len(layer.conv) - 1
    for position in range(0, last, 2):
        yield ChannelGroup(
            channels=_conv(layer.conv, f"{position}.c").out_channels,
            seen=((f"{path}.{position + 1}", 0),),
            producers=((f"{path}.{position}.c", 0),),
            consumers=((f"{path}.{position + 2}.c", 0),),
        )


def _stream_groups(network: TopFormer) -> Iterator[ChannelGroup]:
    """Take the channels that bottlenecks add to, and with them the tokens pooled from them.

    Nothing but sums, pools and slices lies between a level of the pyramid and its share of the
    tokens, so one factor serves both.
    """
    pyramid = network.backbone.tpm
    producers: list[Place] = [(f"{_PYRAMID}.stem.0.c", 0)]
    seen: list[Place] = [(f"{_PYRAMID}.stem.1", 0)]
    consumers: list[Place] = []
    channels, level = _conv(network, producers[0][0]).out_channels, 0
    for position, name in enumerate(pyramid.layer_names):
        layer = pyramid.get_submodule(name)
        assert isinstance(layer, InvertedResidual)
        path, last = f"{_PYRAMID}.{name}.conv", len(layer.conv) - 1
        consumers.append((f"{path}.0.c", 0))
        if not layer.has_residual:
            yield _group(channels, seen, producers, consumers)
            producers, seen, consumers = [], [], []
            channels = _conv(network, f"{path}.{last}.c").out_channels
        producers.append((f"{path}.{last}.c", 0))
        seen += [(f"{_PYRAMID}.{name}", 0), (f"{path}.{last}.c", 0)]
        if position in pyramid.taps:
            _join_tokens(network, level, seen, producers, consumers)
            level += 1
    yield _group(channels, seen, producers, consumers)


def _join_tokens(
    network: TopFormer,
    level: int,
    seen: list[Place],
    producers: list[Place],
    consumers: list[Place],
) -> None:
    """Add what takes and makes a level's share of the tokens, and what injects it."""
    backbone = network.backbone
    first, _ = backbone.channel_ranges[level]
    for number in range(len(backbone.trans.transformer_blocks)):
        block = f"{_BLOCKS}.{number}"
        seen += [(f"{block}.{part}", first) for part in ("attn", "mlp")] + [(block, first)]
        producers += [(f"{block}.{part}.c", first) for part in ("attn.proj.1", "mlp.fc2")]
        takers = ("attn.to_q", "attn.to_k", "attn.to_v", "mlp.fc1")
        consumers += [(f"{block}.{part}.c", first) for part in takers]
    injection = backbone.SIM[level]
    if isinstance(injection, SemanticsInjection):
        parts = ("local_embedding", "global_embedding", "global_act")
        consumers += [(f"backbone.SIM.{level}.{part}.conv", 0) for part in parts]


def _head_groups(network: TopFormer) -> Iterator[ChannelGroup]:
    """Take the channels that all injections add up to, and those before the classifier.

    They are the same where the convolution between them is folded away.
    """
    levels = range(1, len(network.backbone.SIM))
    made: list[Place] = [
        (f"backbone.SIM.{level}.{part}.conv", 0)
        for level in levels
        for part in ("local_embedding", "global_embedding")
    ]
    fuse, last = "decode_head.linear_fuse.conv", "decode_head.conv_seg"
    channels = _conv(network, last).in_channels
    if len(network.decode_head.linear_fuse) == 0:
        yield _group(channels, [("decode_head.dropout", 0), *made], made, [(last, 0)])
        return
    seen = [*((f"backbone.SIM.{level}", 0) for level in levels), *made]
    yield _group(channels, seen, made, [(fuse, 0)])
    yield _chain(network, fuse, "decode_head.dropout", last)


def _group(
    channels: int, seen: list[Place], producers: list[Place], consumers: list[Place]
) -> ChannelGroup:
    return ChannelGroup(
        channels=channels,
        seen=tuple(seen),
        producers=tuple(producers),
        consumers=tuple(consumers),
    )


def _conv(network: nn.Module, path: str) -> nn.Conv2d:
    found = network.get_submodule(path)
    assert isinstance(found, nn.Conv2d)
    return found


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
        _conv(network, path).weight[:, first : first + end].flatten(1)
        for path, first in group.consumers
        if _conv(network, path).groups == 1
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
    weight's rounding is multiplied by the channel. `dense` are weights [c_out, c].
    """
    low, high = (factors * seen.low).min().clamp_max(0.0), (factors * seen.high).max()
    step = (high - low) / 255
    noise = torch.zeros(())
    for weight in dense:
        scaled = weight / factors
        weight_steps = scaled.abs().amax(1) / 127
        noise = noise + step.square() * scaled.square().sum()
        noise = noise + weight_steps.square().sum() * (factors.square() * seen.power).sum()
    return float(noise)


def _apply(network: nn.Module, group: ChannelGroup, factors: Tensor) -> None:
    end = group.channels
    for path, first in group.producers:
        conv = _conv(network, path)
        conv.weight[first : first + end] *= factors[:, None, None, None]
        assert conv.bias is not None
        conv.bias[first : first + end] *= factors
    for path, first in group.consumers:
        conv = _conv(network, path)
        if conv.groups == 1:
            conv.weight[:, first : first + end] /= factors[None, :, None, None]
        else:
            conv.weight[first : first + end] /= factors[:, None, None, None]
