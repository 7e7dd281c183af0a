"""A picture shown to a detector for scoring, in the two ways of `evaluation.protocols`."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from topformer.boxes import Boxes, boxes_from
from topformer.data.datasets import WholeImageScale
from topformer.data.transforms import fitted_size, normalise, resize
from topformer.evaluation.boxes.average_precision import BoxFinder
from topformer.evaluation.protocols import ScoringProtocol
from topformer.manifest import DetectionInfo
from topformer.preprocess import input_info, to_tensor
from topformer.runtimes.opened import require_numbers
from topformer.variants import MINIMUM_SIDE_PX


def network_finder(network: nn.Module, protocol: ScoringProtocol, info: DetectionInfo) -> BoxFinder:
    """Find boxes by either protocol; `network` is in eval mode and stays where it is."""
    if protocol.scale is not None:
        return whole_finder(network, protocol.scale, info)
    assert protocol.image_size is not None
    height, width = protocol.image_size
    shown, device = input_info(height, width), next(network.parameters()).device

    @torch.inference_mode()
    def find(picture: NDArray[np.uint8]) -> Boxes:
        tensor = torch.as_tensor(to_tensor(picture, shown)).to(device)
        found = _find(network, tensor, info, (height, width))
        return found.scaled(picture.shape[1] / width, picture.shape[0] / height)

    return find


def whole_finder(network: nn.Module, scale: WholeImageScale, info: DetectionInfo) -> BoxFinder:
    """Find boxes as published; `network` is in eval mode and stays where it is.

    The picture keeps its shape, and is filled up on the right and at the bottom with the mean
    colour to multiples of the scale's, where boxes end at the picture's edge. Source: mmdetection,
    the test pipeline of configs/retinanet (`Resize` with `keep_ratio`, `Normalize`, `Pad`).
    """
    device = next(network.parameters()).device

    @torch.inference_mode()
    def find(picture: NDArray[np.uint8]) -> Boxes:
        own = picture.shape[0], picture.shape[1]
        size = fitted_size(own, scale.long_px, scale.short_px)
        pixels = normalise(resize(torch.as_tensor(picture).permute(2, 0, 1), size))
        below, right = (
            max(MINIMUM_SIDE_PX, -(-side // scale.multiple_px) * scale.multiple_px) - side
            for side in size
        )
        padded = functional.pad(pixels, (0, right, 0, below))[None].to(device)
        return _find(network, padded, info, size).scaled(own[1] / size[1], own[0] / size[0])

    return find


def _find(
    network: nn.Module, tensor: torch.Tensor, info: DetectionInfo, size: tuple[int, int]
) -> Boxes:
    """Find boxes in [1, 3, h, w], cut at (height, width)."""
    outputs = [output.cpu().numpy() for output in network(tensor)]
    require_numbers(outputs)
    return boxes_from(outputs, info, size)
