"""Values in 8 bits: which range they are spent on, and rounding to its steps in float32.

An exported int8 file computes with such values. What is here simulates it, while a network learns
and while one is quantised.
"""

# pyright: standard
# Not strict: torch types its quantisation loosely.

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# What XNNPACK takes: least and greatest code, and scales below which it computes nothing useful.
# Source: executorch, xnnpack_quantizer.py, get_symmetric_quantization_config.
ACTIVATION_CODES, WEIGHT_CODES = (-128, 127), (-127, 127)
SMALLEST_SCALE = 2**-12

BINS = 2048
# Shares of the largest value at which the range may be cut.
_CUTS = np.linspace(0.3, 1.0, 36)
_ROUNDS = 3


class RangeFinder:
    """Finds the range of least squared error for values rounded and cut to 8 bits.

    Values are shown to it twice: first it learns the extremes, then, once `count_values` is called,
    it counts values in equal bins between them. With a `margin`, the extremes times it are the
    range, and nothing is cut.
    """

    def __init__(self, *, margin: float | None = None) -> None:
        self.margin = margin
        self._low, self._high = np.inf, -np.inf
        self._counts: NDArray[np.float64] | None = None

    def see(self, x: Tensor) -> None:
        """Look at values of any shape."""
        if self._counts is None:
            low, high = torch.aminmax(x.detach())
            self._low, self._high = min(self._low, low.item()), max(self._high, high.item())
        elif 0.0 < self._high - self._low < np.inf:
            self._counts += torch.histc(x.detach(), BINS, self._low, self._high).cpu().numpy()

    @property
    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest value that it was shown, or zero where that is beyond."""
        return min(self._low, 0.0), max(self._high, 0.0)

    def count_values(self) -> None:
        """From now on count values between the extremes that were seen."""
        self._counts = np.zeros(BINS)

    def range(self) -> tuple[float, float]:
        """Cut either end in turn where the squared error is least; zero stays inside."""
        low, high = self.extremes
        if not low < high:
            return 0.0, 1.0
        if self.margin is not None:
            return low * self.margin, high * self.margin
        if self._counts is None or not self._counts.any():  # a constant is in no bin
            return low, high
        width = (self._high - self._low) / BINS
        centres = self._low + width * (np.arange(BINS) + 0.5)
        least, greatest = ACTIVATION_CODES

        def error(bottom: float, top: float) -> float:
            scale = max((top - bottom) / (greatest - least), SMALLEST_SCALE)
            codes = np.clip(np.round(centres / scale), round(bottom / scale), round(top / scale))
            return float(self._counts @ np.square(codes * scale - centres))

        bottom, top = low, high
        for _ in range(_ROUNDS):
            top = float(min(high * _CUTS, key=lambda one: error(bottom, one)))
            bottom = float(min(low * _CUTS, key=lambda one: error(one, top)))
        return bottom, top


def activation_steps(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Scales and zero points [...] of ranges [...] that hold zero."""
    least, greatest = ACTIVATION_CODES
    scales = ((high - low) / (greatest - least)).clamp_min(SMALLEST_SCALE)
    return scales, (least - torch.round(low / scales)).clamp(least, greatest).int()


def weight_steps(weight: Tensor) -> Tensor:
    """Scales [c] of a weight [c, ...], one for each output channel; zero points are zero."""
    largest = weight.detach().flatten(1).abs().amax(1)
    return (largest / WEIGHT_CODES[1]).clamp_min(SMALLEST_SCALE)


def round_activation(x: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    """Round values of any shape; the gradient passes where nothing is cut.

    `scale` and `zero_point` are [1].
    """
    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, *ACTIVATION_CODES)


def round_weight(weight: Tensor, scales: Tensor) -> Tensor:
    """Round a weight [c, ...] by its scales [c]; the gradient passes."""
    zero_points = torch.zeros_like(scales, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scales, zero_points, 0, *WEIGHT_CODES)
