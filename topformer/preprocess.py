"""From a picture to the network's input tensor: the one definition that every path follows."""

import math
import re

import numpy as np
from numpy.typing import NDArray

from topformer.errors import UsageError
from topformer.images import resize
from topformer.manifest import ChannelTriple, InputInfo
from topformer.variants import MAXIMUM_SIDE_PX, MINIMUM_SIDE_PX

# Of RGB values from 0 to 255. Source: hustvl/TopFormer, img_norm_cfg in every local config.
IMAGENET_MEAN: ChannelTriple = (123.675, 116.28, 103.53)
IMAGENET_STD: ChannelTriple = (58.395, 57.12, 57.375)


def input_info(height: int, width: int) -> InputInfo:
    """Describe the input of a TopFormer at one size, as all published weights expect it."""
    return InputInfo(height=height, width=width, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def parse_image_size(text: str) -> tuple[int, int]:
    """Read "448" or "384x576" as (height, width).

    Raises `UsageError` for anything else, and for sides below 64 or above 4096 pixels.
    """
    match = re.fullmatch(r"([0-9]{1,6})(?:x([0-9]{1,6}))?", text.strip().lower())
    if match is None:
        raise UsageError(
            f"{text!r} is not an image size.",
            next_step="Write one side, as in 448, or height x width, as in 384x576.",
        )
    height, width = int(match[1]), int(match[2] or match[1])
    if not MINIMUM_SIDE_PX <= min(height, width) <= max(height, width) <= MAXIMUM_SIDE_PX:
        raise UsageError(
            f"An image size of {height}x{width} is out of range.",
            why=f"Sides go from {MINIMUM_SIDE_PX} to {MAXIMUM_SIDE_PX} pixels.",
        )
    return height, width


def size_in_shape(image_size: tuple[int, int], picture_size: tuple[int, int]) -> tuple[int, int]:
    """Find the input size in the shape of pictures that costs what `image_size` costs.

    All are (height, width). Of the sizes with sides in multiples of 64, as one delegate needs, and
    from 10 % fewer to 5 % more pixels, it is the one nearest to the pictures' shape;
    `image_size` itself where none is nearer.
    """
    pixels = image_size[0] * image_size[1]
    sides = range(MINIMUM_SIDE_PX, MAXIMUM_SIDE_PX + 1, MINIMUM_SIDE_PX)
    sizes = [(height, round(pixels / height / 64) * 64) for height in sides]
    near = [(h, w) for h, w in sizes if w in sides and 0.9 * pixels <= h * w <= 1.05 * pixels]
    wanted = picture_size[1] / picture_size[0]
    return min((image_size, *near), key=lambda size: abs(math.log(size[1] / size[0] / wanted)))


def to_tensor(picture: NDArray[np.uint8], info: InputInfo) -> NDArray[np.float32]:
    """Resize and normalise RGB values [H, W, 3] to float32 [1, 3, h, w].

    A picture of another size is resized as `images.resize` says. Then, per channel and in float32,
    (value - mean) / std: two operations, so that no compiler may fuse them and every language gets
    the same bits. Raises `UsageError` when the picture is not uint8 [H, W, 3].
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise UsageError(
            f"A picture must be uint8 [H, W, 3], not {picture.dtype} {list(picture.shape)}."
        )
    if picture.shape[:2] != (info.height, info.width):
        picture = resize(picture, info.height, info.width)
    tensor = np.empty(info.shape, np.float32)
    for channel, (mean, std) in enumerate(zip(info.mean, info.std, strict=True)):
        plane = tensor[0, channel]
        np.subtract(picture[:, :, channel], np.float32(mean), out=plane)
        np.divide(plane, np.float32(std), out=plane)
    return tensor
