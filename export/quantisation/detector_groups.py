"""Which channels of a detector can be scaled, after its backbone's."""

from collections.abc import Iterator
from itertools import pairwise

from topformer.detection import LEVEL_STRIDES, LITE
from topformer.detector import Detector
from topformer.export.quantisation.groups import ChannelGroup, Place, chain, conv_at, group

_TOWERS = ("head.logits", "head.offsets")
# Of a depthwise-separable convolution: both convolutions, and the ReLU after each.
_FIRST, _FIRST_RELU, _SECOND, _SECOND_RELU = "0.c", "1", "2.c", "3"


def detector_groups(network: Detector) -> Iterator[ChannelGroup]:
    """Find what the injections make, and all channels of the lite head and its pyramid.

    The published head is left as it is: all levels share its weights.
    """
    is_lite = network.detection_head == LITE
    levels = range(1, len(network.backbone.SIM))
    for level in levels:
        made: list[Place] = [
            (f"backbone.SIM.{level}.{part}.conv", 0)
            for part in ("local_embedding", "global_embedding")
        ]
        takers = [f"fpn.inner_blocks.{level - 1}.{'c' if is_lite else '0'}"]
        if level == levels[-1]:
            takers.append(f"fpn.p6.{_FIRST}" if is_lite else "fpn.coarse.p6")
        channels = conv_at(network, made[0][0]).out_channels
        seen = [(f"backbone.SIM.{level}", 0), *made]
        yield group(channels, seen, made, [(path, 0) for path in takers])
    if is_lite:
        yield from _lite_groups(network, len(levels))


def _lite_groups(network: Detector, merged: int) -> Iterator[ChannelGroup]:
    inner: list[Place] = [(f"fpn.inner_blocks.{number}.c", 0) for number in range(merged)]
    blocks = [f"fpn.layer_blocks.{number}" for number in range(merged)]
    channels = conv_at(network, inner[0][0]).out_channels
    yield group(channels, inner, inner, [(f"{block}.{_FIRST}", 0) for block in blocks])
    for level, block in enumerate([*blocks, "fpn.p6", "fpn.p7"]):
        yield _inside(network, block)
        takers = [f"{tower}.{level}.conv0.{_FIRST}" for tower in _TOWERS]
        if block == "fpn.p6":
            takers.append(f"fpn.p7.{_FIRST}")
        yield group(
            channels,
            [(f"{block}.{_SECOND_RELU}", 0)],
            [(f"{block}.{_SECOND}", 0)],
            [(path, 0) for path in takers],
        )
    for tower in _TOWERS:
        for level in range(len(LEVEL_STRIDES)):
            yield from _tower_groups(network, f"{tower}.{level}")


def _tower_groups(network: Detector, tower: str) -> Iterator[ChannelGroup]:
    blocks = [name for name, _ in network.get_submodule(tower).named_children()]
    for block, following in pairwise(blocks):
        path = f"{tower}.{block}"
        yield _inside(network, path)
        taker = f"{tower}.{following}"
        yield chain(
            network,
            f"{path}.{_SECOND}",
            f"{path}.{_SECOND_RELU}",
            taker if following == blocks[-1] else f"{taker}.{_FIRST}",
        )


def _inside(network: Detector, block: str) -> ChannelGroup:
    """Take the channels between the two convolutions of a separable one."""
    return chain(network, f"{block}.{_FIRST}", f"{block}.{_FIRST_RELU}", f"{block}.{_SECOND}")
