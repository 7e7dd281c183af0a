"""Which channels of a network can be scaled, and where they are made and taken."""

from collections.abc import Iterator

from topformer.export.quantisation.detector_groups import detector_groups
from topformer.export.quantisation.groups import ChannelGroup, Place, chain, conv_at, group
from topformer.model import InvertedResidual, SemanticsInjection, TopFormer
from topformer.networks import AnyNetwork

__all__ = ["ChannelGroup", "channel_groups", "conv_at"]

_PYRAMID, _BLOCKS = "backbone.tpm", "backbone.trans.transformer_blocks"


def channel_groups(network: AnyNetwork) -> Iterator[ChannelGroup]:
    """Find all channels of a network that can be scaled."""
    pyramid = network.backbone.tpm
    for name in pyramid.layer_names:
        layer = pyramid.get_submodule(name)
        assert isinstance(layer, InvertedResidual)
        yield from _hidden_groups(f"{_PYRAMID}.{name}.conv", layer)
    yield from _stream_groups(network)
    for number in range(len(network.backbone.trans.transformer_blocks)):
        mlp = f"{_BLOCKS}.{number}.mlp"
        yield chain(network, f"{mlp}.fc1.c", f"{mlp}.fc1.c", f"{mlp}.dwconv")
    if isinstance(network, TopFormer):
        yield from _head_groups(network)
    else:
        yield from detector_groups(network)


def _hidden_groups(path: str, layer: InvertedResidual) -> Iterator[ChannelGroup]:
    """Take the channels inside a bottleneck, after each of its ReLUs."""
    last = len(layer.conv) - 1
    for position in range(0, last, 2):
        yield ChannelGroup(
            channels=conv_at(layer.conv, f"{position}.c").out_channels,
            seen=((f"{path}.{position + 1}", 0),),
            producers=((f"{path}.{position}.c", 0),),
            consumers=((f"{path}.{position + 2}.c", 0),),
        )


def _stream_groups(network: AnyNetwork) -> Iterator[ChannelGroup]:
    """Take the channels that bottlenecks add to, and with them the tokens pooled from them.

    Nothing but sums, pools and slices lies between a level of the pyramid and its share of the
    tokens, so one factor serves both.
    """
    pyramid = network.backbone.tpm
    producers: list[Place] = [(f"{_PYRAMID}.stem.0.c", 0)]
    seen: list[Place] = [(f"{_PYRAMID}.stem.1", 0)]
    consumers: list[Place] = []
    channels, level = conv_at(network, producers[0][0]).out_channels, 0
    for position, name in enumerate(pyramid.layer_names):
        layer = pyramid.get_submodule(name)
        assert isinstance(layer, InvertedResidual)
        path, last = f"{_PYRAMID}.{name}.conv", len(layer.conv) - 1
        consumers.append((f"{path}.0.c", 0))
        if not layer.has_residual:
            yield group(channels, seen, producers, consumers)
            producers, seen, consumers = [], [], []
            channels = conv_at(network, f"{path}.{last}.c").out_channels
        producers.append((f"{path}.{last}.c", 0))
        seen += [(f"{_PYRAMID}.{name}", 0), (f"{path}.{last}.c", 0)]
        if position in pyramid.taps:
            _join_tokens(network, level, seen, producers, consumers)
            level += 1
    yield group(channels, seen, producers, consumers)


def _join_tokens(
    network: AnyNetwork,
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
    channels = conv_at(network, last).in_channels
    if len(network.decode_head.linear_fuse) == 0:
        yield group(channels, [("decode_head.dropout", 0), *made], made, [(last, 0)])
        return
    seen = [*((f"backbone.SIM.{level}", 0) for level in levels), *made]
    yield group(channels, seen, made, [(fuse, 0)])
    yield chain(network, fuse, "decode_head.dropout", last)
