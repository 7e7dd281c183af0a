"""Channels that are scaled together."""

from dataclasses import dataclass

from torch import nn

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


def chain(network: nn.Module, producer: str, seen: str, consumer: str) -> ChannelGroup:
    """Take the channels between two convolutions that follow each other."""
    return ChannelGroup(
        channels=conv_at(network, producer).out_channels,
        seen=((seen, 0),),
        producers=((producer, 0),),
        consumers=((consumer, 0),),
    )


def group(
    channels: int, seen: list[Place], producers: list[Place], consumers: list[Place]
) -> ChannelGroup:
    """Take these channels."""
    return ChannelGroup(
        channels=channels,
        seen=tuple(seen),
        producers=tuple(producers),
        consumers=tuple(consumers),
    )


def conv_at(network: nn.Module, path: str) -> nn.Conv2d:
    """Return the convolution at a path."""
    found = network.get_submodule(path)
    assert isinstance(found, nn.Conv2d)
    return found
