"""What a training picture with boxes goes through: scale, crop, flip, distort, normalise, pad.

Boxes are (left, top, right, bottom, class id), float32 [n, 5], in pixels of the picture. The order
of the draws is part of the contract, as in `transforms`. Source of the published ones, scale and
flip, and of padding to multiples of 32: mmdetection 2, configs/_base_/datasets/coco_detection.py.
"""

# pyright: standard
# Not strict: torchvision ships no types.

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torchvision.transforms.v2 import functional as tv

from topformer.data.coco.splits import SMALLEST_SIDE_PX
from topformer.data.transforms import Augmentation, distort, normalise, random_size, resize
from topformer.variants import MINIMUM_SIDE_PX

# Of a box that a crop cuts, this share must be left, or it is no longer the object's.
KEPT_SHARE = 0.25
# Sides are filled up to a multiple, which the network's levels divide most often.
MULTIPLE_PX = 32


def augment_boxes(
    picture: Tensor, boxes: Tensor, settings: Augmentation, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Make a training sample of a picture, uint8 [3, h, w]: float32 [3, H, W] and its boxes [m, 5].

    It is at most as large as the crop, before it is filled up to multiples of 32.
    """
    height, width = random_size((picture.shape[1], picture.shape[2]), settings, rng)
    boxes = scale_boxes(boxes, width / picture.shape[2], height / picture.shape[1])
    picture, boxes = crop_boxes(resize(picture, (height, width)), boxes, settings.crop, rng)
    if rng.random() < settings.flip_probability:
        picture, boxes = flip_boxes(picture, boxes)
    picture = distort(picture, settings, rng)
    return _filled_up(normalise(picture)), boxes


def scale_boxes(boxes: Tensor, horizontally: float, vertically: float) -> Tensor:
    """Scale boxes with their picture."""
    return boxes * boxes.new_tensor([horizontally, vertically, horizontally, vertically, 1.0])


def crop_boxes(
    picture: Tensor, boxes: Tensor, crop: tuple[int, int], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Cut a random window of at most `crop`, and boxes at its edges.

    Left out are those of which less than a quarter, or less than a pixel either way, remains.
    """
    height, width = picture.shape[1:]
    crop_height, crop_width = min(crop[0], height), min(crop[1], width)
    top = int(rng.integers(0, height - crop_height + 1))
    left = int(rng.integers(0, width - crop_width + 1))
    cut = boxes - boxes.new_tensor([left, top, left, top, 0])
    before = _areas(cut)
    cut[:, 0:4:2] = cut[:, 0:4:2].clamp(0, crop_width)
    cut[:, 1:4:2] = cut[:, 1:4:2].clamp(0, crop_height)
    sides = cut[:, 2:4] - cut[:, :2]
    kept = (sides >= SMALLEST_SIDE_PX).all(1) & (_areas(cut) >= KEPT_SHARE * before)
    return picture[:, top : top + crop_height, left : left + crop_width], cut[kept]


def flip_boxes(picture: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror a picture and its boxes."""
    left, top, right, bottom, label = boxes.unbind(1)
    width = picture.shape[2]
    mirrored = torch.stack([width - right, top, width - left, bottom, label], 1)
    return tv.horizontal_flip(picture), mirrored


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def smallest_sample(settings: Augmentation) -> tuple[int, int]:
    """(height, width) of the smallest sample, of pictures no longer than `scale` is."""
    least = settings.ratio_range[0] / math.sqrt(settings.aspect_jitter)
    short = min(settings.scale)
    height, width = (
        side if settings.stretch == 1.0 else min(side, short) for side in settings.crop
    )
    return _filled(int(height * least)), _filled(int(width * least))


def _filled_up(picture: Tensor) -> Tensor:
    height, width = picture.shape[1:]
    return F.pad(picture, (0, _filled(width) - width, 0, _filled(height) - height), value=0.0)


def _filled(side: int) -> int:
    """The multiple that a side is filled up to; a network takes no less than 64 pixels."""
    return max(MINIMUM_SIDE_PX, side + -side % MULTIPLE_PX)
