"""Two ways to show a picture to a network for scoring; their scores must not be compared.

`whole`: the published one. The picture keeps its shape and is scaled as its data set says; the
network takes any size. `fixed`: that of exported files, and of phones: the picture is stretched to
one input size. Both are scored at the picture's own size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from topformer.data.datasets import WholeImageScale
from topformer.data.transforms import fitted_size, normalise, resize
from topformer.preprocess import input_info, to_tensor
from topformer.runtimes.opened import require_numbers
from topformer.tasks.upsampling import upsample_labels
from topformer.variants import MINIMUM_SIDE_PX

# Logits enlarged at once: 256 MiB of them.
VALUES_AT_ONCE = 2**26

# RGB [H, W, 3] -> class ids [H, W].
Segmenter = Callable[[NDArray[np.uint8]], NDArray[np.integer]]


@dataclass(frozen=True, kw_only=True)
class ScoringProtocol:
    """A protocol and its sizes, which every score must be told with."""

    name: Literal["whole", "fixed"]
    # Of `whole`, else None.
    scale: WholeImageScale | None = None
    # (height, width) of `fixed`, else None.
    image_size: tuple[int, int] | None = None

    @property
    def description(self) -> str:
        """The name with its sizes, as in "whole: short side 512, long side at most 2048"."""
        if self.scale is not None:
            return f"{self.name}: {_describe_scale(self.scale)}"
        assert self.image_size is not None
        return f"{self.name}: {self.image_size[0]}x{self.image_size[1]}, stretched"


def whole_protocol(scale: WholeImageScale) -> ScoringProtocol:
    """The published protocol at a data set's scale."""
    return ScoringProtocol(name="whole", scale=scale)


def fixed_protocol(image_size: tuple[int, int]) -> ScoringProtocol:
    """The protocol of files that take one size (height, width)."""
    return ScoringProtocol(name="fixed", image_size=image_size)


def _describe_scale(scale: WholeImageScale) -> str:
    # A picture's long side reaches its length before the short one can.
    if scale.long_px <= scale.short_px:
        sides = f"long side {scale.long_px}"
    else:
        sides = f"short side {scale.short_px}, long side at most {scale.long_px}"
    if scale.multiple_px > 1:
        sides += f", both rounded up to multiples of {scale.multiple_px}"
    return sides


def whole_sizes(
    size: tuple[int, int], scale: WholeImageScale
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Sizes (height, width) to which a picture of `size` is brought, one after the other.

    At the last one it is shown to the network.
    Source: hustvl/TopFormer, Resize(keep_ratio) and ResizeToMultiple in its test pipelines: each
    resizes, and rounds to whole values. Sides below 64 pixels, which the network cannot take, are
    raised to 64.
    """
    fitted = fitted_size(size, scale.long_px, scale.short_px)
    height, width = (-(-side // scale.multiple_px) * scale.multiple_px for side in fitted)
    return fitted, (max(MINIMUM_SIDE_PX, height), max(MINIMUM_SIDE_PX, width))


def network_segmenter(network: nn.Module, protocol: ScoringProtocol) -> Segmenter:
    """Segment by either protocol; `network` is in eval mode and stays where it is."""
    if protocol.scale is not None:
        return whole_segmenter(network, protocol.scale)
    assert protocol.image_size is not None
    shown, device = input_info(*protocol.image_size), next(network.parameters()).device

    @torch.inference_mode()
    def segment(picture: NDArray[np.uint8]) -> NDArray[np.integer]:
        tensor = torch.as_tensor(to_tensor(picture, shown)).to(device)
        logits: NDArray[np.floating] = network(tensor).cpu().numpy()
        require_numbers([logits])
        height, width = picture.shape[:2]
        return upsample_labels(logits, (height, width))[0]

    return segment


def whole_segmenter(network: nn.Module, scale: WholeImageScale) -> Segmenter:
    """Segment as published; `network` is in eval mode and stays where it is."""
    device = next(network.parameters()).device

    @torch.inference_mode()
    def segment(picture: NDArray[np.uint8]) -> NDArray[np.integer]:
        original = (picture.shape[0], picture.shape[1])
        pixels = torch.as_tensor(picture).permute(2, 0, 1)
        for size in whole_sizes(original, scale):
            pixels = resize(pixels, size)
        shown = (pixels.shape[1], pixels.shape[2])
        return _labels(network(normalise(pixels)[None].to(device)), shown, original)

    return segment


def _labels(
    logits: Tensor, size: tuple[int, int], original: tuple[int, int]
) -> NDArray[np.integer]:
    """Enlarge logits to the network's input, then to the picture, and take the best class.

    In two steps, as published; the softmax before the choice changes no label and is left out. A
    few classes at a time: all of them, at the larger of the two sizes, may take gigabytes.
    """
    require_numbers([logits.cpu().numpy()])
    best = torch.full(original, -torch.inf, device=logits.device)
    labels = torch.zeros(original, dtype=torch.uint8, device=logits.device)
    at_once = max(1, VALUES_AT_ONCE // max(size[0] * size[1], original[0] * original[1]))
    for first in range(0, logits.shape[1], at_once):
        part = _enlarged(_enlarged(logits[:, first : first + at_once], size), original)
        values, ids = part[0].max(0)
        # As in one argmax over all: of equal ones the first wins, and so does a NaN.
        best, is_better = torch.stack((best, values)).max(0)
        labels = torch.where(is_better.bool(), (ids + first).to(torch.uint8), labels)
    return labels.cpu().numpy()


def _enlarged(logits: Tensor, size: tuple[int, int]) -> Tensor:
    if logits.shape[2:] == size:
        return logits
    return functional.interpolate(logits, size, mode="bilinear", align_corners=False)
