"""The range of an activation's values that its 8 bits are spent on."""

# pyright: standard
# Not strict: torchao types its observers loosely. It has methods that return something, and are
# declared to return nothing.

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchao.quantization.pt2e.observer import UniformQuantizationObserverBase

BINS = 2048
# Extremes of pictures that are not of what a model is for say little of those that are. So much
# more than them the range then is: found on street scenes, with pictures of other things.
FOREIGN_MARGIN = 1.25
# Shares of the largest value at which the range may be cut.
_CUTS = np.linspace(0.3, 1.0, 36)
_ROUNDS = 3


class RangeObserver(UniformQuantizationObserverBase):
    """Finds the range of least squared error for values rounded and cut to 8 bits.

    Pictures are shown to it twice: first it learns the extremes, then, once `count_values` is
    called, it counts values in equal bins between them. torchao's HistogramObserver does both in
    one pass, and moves its counts to new bins whenever the extremes grow, which takes longer than
    the network. With a `margin`, the extremes times it are the range, and nothing is cut.
    """

    def __init__(self, *, margin: float | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.margin = margin
        self._low, self._high = np.inf, -np.inf
        self._counts: NDArray[np.float64] | None = None

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Look at an activation of any shape, and pass it on as it is."""
        if self._counts is None:
            low, high = torch.aminmax(x.detach())
            self._low, self._high = min(self._low, low.item()), max(self._high, high.item())
        elif self._high > self._low:
            self._counts += torch.histc(x.detach(), BINS, self._low, self._high).numpy()
        return x

    def count_values(self) -> None:
        """From now on count values between the extremes that were seen."""
        self._counts = np.zeros(BINS)

    def calculate_qparams(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
    ) -> tuple[Tensor, Tensor]:
        """Return scale and zero point, each [1]."""
        low, high = self._range()
        return self._calculate_qparams(torch.tensor(low), torch.tensor(high))

    def _range(self) -> tuple[float, float]:
        """Cut either end in turn where the squared error is least; zero stays inside."""
        low, high = min(self._low, 0.0), max(self._high, 0.0)
        if not low < high:
            return 0.0, 1.0
        if self.margin is not None:
            return low * self.margin, high * self.margin
        if self._counts is None or not self._counts.any():  # a constant is in no bin
            return low, high
        width = (self._high - self._low) / BINS
        centres = self._low + width * (np.arange(BINS) + 0.5)
        levels = self.quant_max - self.quant_min
        eps = float(self.eps)

        def error(bottom: float, top: float) -> float:
            scale = max((top - bottom) / levels, eps)
            codes = np.clip(np.round(centres / scale), round(bottom / scale), round(top / scale))
            return float(self._counts @ np.square(codes * scale - centres))

        bottom, top = low, high
        for _ in range(_ROUNDS):
            top = float(min(high * _CUTS, key=lambda one: error(bottom, one)))
            bottom = float(min(low * _CUTS, key=lambda one: error(one, top)))
        return bottom, top
