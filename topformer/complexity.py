"""Counting multiply-adds (MACs) from shapes alone, in Python and in exported graphs alike."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

_CONVOLUTIONS = {"aten.convolution.default", "aten.conv2d.default"}
_PRODUCTS = {"aten.mm.default", "aten.bmm.default", "aten.matmul.default"}


@dataclass(frozen=True, kw_only=True)
class Macs:
    """Multiply-adds of one forward pass of one picture."""

    # Convolutions and linear layers: products with weights.
    convolution: int
    # Products of two activations: queries with keys, attention weights with values.
    attention: int

    @property
    def total(self) -> int:
        """All multiply-adds; additions, activations, pools and resizing are not counted."""
        return self.convolution + self.attention


def operator_macs(
    name: str, input_shapes: Sequence[Sequence[int]], output_shape: Sequence[int]
) -> int:
    """Multiply-adds of one ATen operator, 0 for any that is no product.

    `name` is the overload's full name, as in "aten.convolution.default"; `input_shapes` are those
    of its tensor arguments in order. Transposed convolutions, which TopFormer has none of, would
    need more than shapes.
    """
    if name in _CONVOLUTIONS:
        # The weight is [c_out, c_in / groups, kh, kw], and each output value one dot product.
        return math.prod(output_shape) * math.prod(input_shapes[1][1:])
    if name in _PRODUCTS or name == "aten.linear.default":
        return math.prod(output_shape) * input_shapes[0][-1]
    if name == "aten.addmm.default":
        return math.prod(output_shape) * input_shapes[1][-1]
    return 0


def count_macs(model: nn.Module, height: int, width: int) -> Macs:
    """Count the multiply-adds of a model on one [1, 3, height, width] picture, in eval mode.

    Runs a copy on the meta device: no numbers are computed and the model is left as it is.
    """
    counter = _Counter()
    blank = copy.deepcopy(model).to("meta").eval()
    with torch.no_grad(), counter:
        blank(torch.empty(1, 3, height, width, device="meta"))
    return Macs(convolution=counter.convolution, attention=counter.attention)


class _Counter(TorchDispatchMode):
    """Adds up the operators that pass by."""

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.convolution = 0
        self.attention = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            shapes = [tuple(value.shape) for value in args if isinstance(value, Tensor)]
            macs = operator_macs(str(func), shapes, tuple(result.shape))
            if str(func) == "aten.bmm.default":
                self.attention += macs
            else:
                self.convolution += macs
        return result
