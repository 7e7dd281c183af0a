"""The range of an activation's values that its 8 bits are spent on, as torchao asks for it."""

# pyright: standard
# Not strict: torchao types its observers loosely. It has methods that return something, and are
# declared to return nothing.

from typing import Any

import torch
from torch import Tensor
from torchao.quantization.pt2e.observer import UniformQuantizationObserverBase

from topformer.rounding import RangeFinder, activation_steps

# Extremes of pictures that are not of what a model is for say little of those that are. So much
# more than them the range then is: found on street scenes, with pictures of other things.
FOREIGN_MARGIN = 1.25


class RangeObserver(UniformQuantizationObserverBase):
    """Looks at activations with a `RangeFinder`.

    torchao's HistogramObserver learns extremes and counts values in one pass, and moves its counts
    to new bins whenever the extremes grow, which takes longer than the network.
    """

    def __init__(self, *, margin: float | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.finder = RangeFinder(margin=margin)
        # Where the largest values say most, few as they are: no bits are spent below the first, and
        # all up to the second are kept, and what was seen above. None where errors count alike.
        self.telling: tuple[float, float] | None = None

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Look at an activation of any shape, and pass it on as it is."""
        self.finder.see(x)
        return x

    def calculate_qparams(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
    ) -> tuple[Tensor, Tensor]:
        """Return scale and zero point, each [1]."""
        low, high = self.finder.range()
        if self.telling is not None:
            low, high = (
                max(low, self.telling[0]),
                max(high, self.finder.extremes[1], self.telling[1]),
            )
        return activation_steps(torch.tensor([low]), torch.tensor([high]))
