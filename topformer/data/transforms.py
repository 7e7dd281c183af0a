"""What a training picture goes through, as published: scale, crop, flip, distort, normalise, pad.

Source: hustvl/TopFormer at cc0f436 (local_configs, mmseg/datasets/pipelines). Pictures are uint8
[3, h, w] and labels uint8 [h, w] until the last step. Every draw comes from the generator that is
passed in, so a sample depends on nothing but that. The order of the draws is part of the contract:
changing it changes every training run.
"""

# pyright: standard
# Not strict: torchvision ships no types.

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from topformer.data.label_files import IGNORED
from topformer.preprocess import IMAGENET_MEAN, IMAGENET_STD

CROP_ATTEMPTS = 10
BRIGHTNESS_DELTA = 32.0
CONTRAST_RANGE = (0.5, 1.5)
SATURATION_RANGE = (0.5, 1.5)
# Of the colour circle: 18 of OpenCV's 180 steps.
HUE_DELTA = 18 / 180

# Ours, of pictures as other cameras and other light would have made them.
GAMMA_BOUND = 2.0
BLUR_SIGMA_PX = (0.3, 1.5)
BLUR_REACH_PX = 3
NOISE_DEVIATION = (2.0, 12.0)
JPEG_QUALITY = (30, 90)

_MEAN = torch.tensor(IMAGENET_MEAN)[:, None, None]
_STD = torch.tensor(IMAGENET_STD)[:, None, None]
_SIXTHS_OF_CHANNELS = torch.tensor([5.0, 3.0, 1.0])[:, None, None]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training samples are made; sizes are (height, width) in pixels."""

    # The (long, short) side a picture is scaled to at ratio 1, keeping its shape.
    scale: tuple[int, int]
    ratio_range: tuple[float, float]
    crop: tuple[int, int]
    # A crop is drawn again while one class has more of it than this share.
    cat_max_ratio: float
    flip_probability: float
    photometric: bool
    # Width over height is changed by up to this factor, either way; 1 leaves it.
    aspect_jitter: float = 1.0
    # Share of samples stretched to the crop's size, as exported files do, in place of `scale`.
    stretch: float = 0.0
    # Probability of each of gamma, grey, blur, noise and JPEG artefacts.
    degradation: float = 0.0
    # Probability that half the classes of a second sample are pasted in.
    class_mix: float = 0.0


def augment(
    picture: Tensor, labels: Tensor, settings: Augmentation, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Make one training sample: float32 [3, H, W], normalised, and int64 [H, W], of crop size."""
    picture, labels = random_scale(picture, labels, settings, rng)
    picture, labels = random_crop(picture, labels, settings.crop, settings.cat_max_ratio, rng)
    if rng.random() < settings.flip_probability:
        picture, labels = tv.horizontal_flip(picture), tv.horizontal_flip(labels)
    picture = distort(picture, settings, rng)
    return pad(normalise(picture), labels.long(), settings.crop)


def distort(picture: Tensor, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Change what moves nothing in a picture, as the settings say: uint8 [3, h, w]."""
    # Channel after channel. With a pixel's side by side, as in files, all takes twice as long.
    picture = picture.contiguous()
    if settings.photometric:
        picture = photometric_distortion(picture, rng)
    if settings.degradation:
        picture = degrade(picture, settings.degradation, rng)
    return picture


def paste_classes(
    sample: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Paste a random half of the classes of `other` into `sample`, where they are there.

    Both are picture float32 [3, h, w] and labels int64 [h, w] of one size. Source: Olsson et al.,
    "ClassMix", arXiv 2007.07936, section 3, with true labels in place of predicted ones.
    """
    # Counting takes a small part of the time of `unique`, which sorts.
    present = other[1].flatten().bincount(minlength=IGNORED)[:IGNORED].nonzero()[:, 0].numpy()
    pasted = torch.zeros(IGNORED + 1, dtype=torch.bool)
    pasted[rng.permutation(present)[: (len(present) + 1) // 2]] = True
    mask = pasted[other[1]]
    return torch.where(mask, other[0], sample[0]), torch.where(mask, other[1], sample[1])


def fitted_size(size: tuple[int, int], long_px: float, short_px: float) -> tuple[int, int]:
    """Scale (height, width) until the long side or the short side has its length: mmcv's rescale.

    Sides are rounded to the nearest pixel, at least 1.
    """
    factor = min(long_px / max(size), short_px / min(size))
    return max(1, int(size[0] * factor + 0.5)), max(1, int(size[1] * factor + 0.5))


def resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear without anti-aliasing, as published (OpenCV's); uint8 [3, h, w] -> [3, H, W]."""
    return tv.resize(picture, list(size), InterpolationMode.BILINEAR, antialias=False)


def random_size(
    size: tuple[int, int], settings: Augmentation, rng: np.random.Generator
) -> tuple[int, int]:
    """Draw the (height, width) that a picture of `size` is scaled to."""
    low, high = settings.ratio_range
    ratio = rng.uniform(low, high)
    if settings.stretch and rng.random() < settings.stretch:
        height, width = (max(1, round(side * ratio)) for side in settings.crop)
    else:
        long_px, short_px = (int(side * ratio) for side in settings.scale)
        height, width = fitted_size(size, long_px, short_px)
    if settings.aspect_jitter != 1.0:
        bound = math.log(settings.aspect_jitter) / 2
        stretch = math.exp(rng.uniform(-bound, bound))
        height, width = max(1, round(height / stretch)), max(1, round(width * stretch))
    return height, width


def random_scale(
    picture: Tensor, labels: Tensor, settings: Augmentation, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Scale picture and labels by a random ratio, labels to the nearest pixel."""
    height, width = random_size((labels.shape[0], labels.shape[1]), settings, rng)
    # NEAREST takes the pixel at floor(i * scale), as OpenCV does.
    scaled = tv.resize(labels[None], [height, width], InterpolationMode.NEAREST)[0]
    return resize(picture, (height, width)), scaled


def random_crop(
    picture: Tensor,
    labels: Tensor,
    crop: tuple[int, int],
    cat_max_ratio: float,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Cut a random window of at most `crop`, drawn up to 11 times so that no class fills it.

    The last draw counts, whatever is in it. Ignored pixels are no class.
    """
    height, width = labels.shape
    crop_height, crop_width = min(crop[0], height), min(crop[1], width)
    top = left = 0
    # Counting is the slow part, and of a picture without labels there is nothing to count.
    labelled = bool((labels != IGNORED).any())
    for _ in range(CROP_ATTEMPTS + 1):
        top = int(rng.integers(0, height - crop_height + 1))
        left = int(rng.integers(0, width - crop_width + 1))
        window = labels[top : top + crop_height, left : left + crop_width]
        if cat_max_ratio >= 1.0 or (labelled and not _one_class_fills(window, cat_max_ratio)):
            break
    window = slice(top, top + crop_height), slice(left, left + crop_width)
    return picture[:, window[0], window[1]], labels[window]


def _one_class_fills(window: Tensor, ratio: float) -> bool:
    counts = torch.bincount(window.reshape(-1), minlength=256)[:IGNORED]
    several = int((counts > 0).sum()) > 1
    return not several or int(counts.max()) >= ratio * int(counts.sum())


def photometric_distortion(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast, saturation, hue, contrast: each with probability 1/2, contrast once.

    Values are cut to 0..255 and to whole numbers after each step, as published.
    """
    if rng.integers(2):
        picture = _linear(picture, 1.0, rng.uniform(-BRIGHTNESS_DELTA, BRIGHTNESS_DELTA))
    contrast_first = bool(rng.integers(2))
    if contrast_first and rng.integers(2):
        picture = _linear(picture, rng.uniform(*CONTRAST_RANGE), 0.0)
    if rng.integers(2):
        picture = scale_saturation(picture, rng.uniform(*SATURATION_RANGE))
    if rng.integers(2):
        picture = shift_hue(picture, rng.uniform(-HUE_DELTA, HUE_DELTA))
    if not contrast_first and rng.integers(2):
        picture = _linear(picture, rng.uniform(*CONTRAST_RANGE), 0.0)
    return picture


def degrade(picture: Tensor, probability: float, rng: np.random.Generator) -> Tensor:
    """Gamma, grey, blur, noise and JPEG artefacts, each with a probability: uint8 [3, h, w].

    Gamma stands for dusk and for bright sun, the others for worse cameras than the set's own.
    """
    if rng.random() < probability:
        bound = math.log(GAMMA_BOUND)
        picture = adjust_gamma(picture, math.exp(rng.uniform(-bound, bound)))
    if rng.random() < probability:
        grey = tv.rgb_to_grayscale(picture, num_output_channels=3).float()
        picture = torch.lerp(picture.float(), grey, rng.uniform(0.5, 1.0)).to(torch.uint8)
    if rng.random() < probability:
        picture = blur(picture, rng.uniform(*BLUR_SIGMA_PX))
    if rng.random() < probability:
        # torch draws them in less than half of NumPy's time.
        own = torch.Generator().manual_seed(int(rng.integers(2**63)))
        noise = torch.randn(picture.shape, generator=own).mul_(rng.uniform(*NOISE_DEVIATION))
        picture = noise.add_(picture).clamp_(0, 255).to(torch.uint8)
    if rng.random() < probability:
        picture = through_jpeg(picture, int(rng.integers(*JPEG_QUALITY, endpoint=True)))
    return picture


def adjust_gamma(picture: Tensor, gamma: float) -> Tensor:
    """Raise values, as shares of 255, to a power: uint8 to uint8 of any shape.

    Powers are taken of the 256 values only.
    """
    table = tv.adjust_gamma(torch.arange(256, dtype=torch.uint8).view(1, 1, 256), gamma)
    return torch.from_numpy(table.flatten().numpy()[picture.numpy()])


def blur(picture: Tensor, sigma_px: float) -> Tensor:
    """Blur with a Gaussian of 7 taps, mirrored at the borders: uint8 [3, h, w].

    Pictures too small to be mirrored so far, of 3 pixels or fewer, go on as they end.

    Rows and columns one after the other, each as a sum of shifted pictures, in a tenth of the time
    of torchvision's convolution with 49 taps.
    """
    places = torch.arange(2 * BLUR_REACH_PX + 1) - BLUR_REACH_PX
    taps = torch.exp(-0.5 * (places / sigma_px) ** 2)
    shares = (taps / taps.sum()).tolist()
    mode = "reflect" if min(picture.shape[1:]) > BLUR_REACH_PX else "replicate"
    values = F.pad(picture.float(), [BLUR_REACH_PX] * 4, mode=mode)
    for dimension in (1, 2):
        length = values.shape[dimension] - 2 * BLUR_REACH_PX
        parts = [values.narrow(dimension, start, length) for start in range(len(shares))]
        values = parts[0] * shares[0]
        for part, share in zip(parts[1:], shares[1:], strict=True):
            values.add_(part, alpha=share)
    return values.round_().to(torch.uint8)


def through_jpeg(picture: Tensor, quality: int) -> Tensor:
    """Compress as JPEG and read back: uint8 [3, h, w]."""
    file = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    with Image.open(file) as opened:
        return torch.from_numpy(np.array(opened)).permute(2, 0, 1)


def _linear(picture: Tensor, factor: float, offset: float) -> Tensor:
    return (picture.float() * factor + offset).clamp_(0, 255).to(torch.uint8)


def scale_saturation(picture: Tensor, factor: float) -> Tensor:
    """Multiply the saturation of HSV, at most to 1, keeping hue and value: uint8 [3, h, w].

    In HSV, S = (V - min) / V, and a channel c is V - (V - c) for any hue: scaling S by k moves each
    channel to V - (V - c) k. No conversion is needed.
    """
    values = picture.float()
    value = values.amax(0, keepdim=True)
    chroma = value - values.amin(0, keepdim=True)
    # S k is at most 1 exactly when k is at most V / (V - min).
    limit = value / chroma.clamp_min(1.0)
    return (value - (value - values) * limit.clamp_max(factor)).round_().to(torch.uint8)


def shift_hue(picture: Tensor, turn: float) -> Tensor:
    """Turn the hue of HSV by a share of the colour circle, -1 to 1: uint8 [3, h, w].

    With the hue h in sixths of the circle, a channel is V - (V - min) min(1, max(0, min(k, 4 - k)))
    with k = (n + h) mod 6, and n = 5 of red, 3 of green, 1 of blue. That takes less than half the
    time of torchvision's conversions, and colour was the largest part of a sample's.
    """
    red, green, blue = values = picture.float()
    value = values.amax(0)
    chroma = value - values.amin(0)
    sixths = torch.where(
        value == red,
        green - blue,
        torch.where(value == green, blue - red + 2 * chroma, red - green + 4 * chroma),
    )
    sixths = sixths.div_(chroma.clamp_min(1.0)).add_(6 * turn)
    k = sixths + _SIXTHS_OF_CHANNELS
    k.sub_((k / 6).floor_(), alpha=6)
    below = torch.minimum(k, 4 - k).clamp_(0.0, 1.0).mul_(chroma)
    return (value - below).round_().to(torch.uint8)


def normalise(picture: Tensor) -> Tensor:
    """(value - mean) / std per channel in float32, as `preprocess.to_tensor` does: [3, h, w]."""
    return (picture.float() - _MEAN) / _STD


def pad(picture: Tensor, labels: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Fill up on the right and at the bottom: pictures with 0 (the mean colour), labels ignored."""
    below, right = size[0] - labels.shape[0], size[1] - labels.shape[1]
    if below <= 0 and right <= 0:
        return picture, labels
    borders = (0, max(0, right), 0, max(0, below))
    return F.pad(picture, borders, value=0.0), F.pad(labels, borders, value=IGNORED)
