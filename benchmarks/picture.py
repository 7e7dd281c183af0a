"""The picture that is measured on: real content, on which the time of the last part depends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topformer.images import bundled_pictures


@dataclass(frozen=True, kw_only=True)
class BenchPicture:
    """A picture of exactly the network's input size: RGB [h, w, 3]."""

    name: str
    pixels: NDArray[np.uint8]


def bench_picture(height: int, width: int) -> BenchPicture:
    """Return the first bundled picture, resized so that input, picture and result are one size."""
    name, pixels = next(iter(bundled_pictures()))
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    return BenchPicture(name=name, pixels=np.asarray(resized))
