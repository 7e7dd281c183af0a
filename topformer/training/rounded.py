"""A network computing as its int8 file will, while it learns.

What the file holds in 8 bits is rounded in the forward pass: weights by output channel, with
BatchNorm folded into them; what convolutions, additions and concatenations take and give, unless
they take resized maps. The export also folds Tiny's depthwise head and equalises channels, which is
not done here. Backwards rounding counts as the identity, but for values that are cut (Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
2018). The network itself stays as it is: its functions are caught while they run.
"""

# pyright: standard
# Not strict: torch types its function modes loosely.

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from topformer.rounding import (
    RangeFinder,
    activation_steps,
    round_activation,
    round_weight,
    weight_steps,
)

# Ranges move so far towards those of the batch at hand, each time they are learnt anew.
_NEW_SHARE = 0.5
# Functions by their names: those that only ask about a tensor, and those that move values.
_QUESTIONS = {"__get__", "dim", "size"}
_MOVES = {"reshape", "transpose", "__getitem__"}
_SUMS_AND_PRODUCTS = {"add", "mul"}
# A number is added in a bias, too.
_JOINED = {"relu", "relu6", "add"}


class Rounded(nn.Module):
    """Runs a network in eval mode, rounding what its int8 file will round.

    It is for networks that compute the same steps in the same order for every picture, and whose
    BatchNorms directly follow convolutions, each pair in an `nn.Sequential`.
    """

    # Of each rounded activation, in the order of execution: least and greatest value [n, 2].
    ranges: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._norms = {
            id(conv.weight): norm
            for sequence in network.modules()
            if isinstance(sequence, nn.Sequential)
            for conv, norm in pairwise(sequence)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d | nn.SyncBatchNorm)
        }
        self.register_buffer("ranges", torch.empty(0, 2))

    @torch.no_grad()
    def learn(self, network: nn.Module, parts: Sequence[Tensor]) -> None:
        """Move ranges towards those of pictures, given in parts [b, 3, h, w]."""
        finders: list[RangeFinder] = []

        def look(number: int, x: Tensor) -> Tensor:
            if number == len(finders):
                finders.append(RangeFinder())
            finders[number].see(x)
            return x

        for counts in (False, True):
            for finder in finders if counts else ():
                finder.count_values()
            for part in parts:
                _Pass(self._norms, look, lambda weight: weight).run(network, part)
        found = self.ranges.new_tensor([finder.range() for finder in finders])
        self.ranges = self.ranges.lerp(found, _NEW_SHARE) if len(self.ranges) else found

    def forward(self, network: nn.Module, pictures: Tensor) -> Tensor:
        """[b, 3, h, w] -> logits [b, classes, h/8, w/8]."""
        scales, zero_points = (one.split(1) for one in activation_steps(*self.ranges.unbind(1)))

        sums: list[Tensor] = []

        def activation(number: int, x: Tensor) -> Tensor:
            sums.append(x.detach().sum())
            return round_activation(x, scales[number], zero_points[number])

        def rounded(weight: Tensor) -> Tensor:
            return round_weight(weight, weight_steps(weight))

        logits = _Pass(self._norms, activation, rounded).run(network, pictures)
        # Rounding makes a number of NaN, and a loss must show that there was one.
        return logits + 0.0 * torch.stack(sums).sum()


class _Pass(TorchFunctionMode):
    """One forward pass, whose functions are given other values.

    What a quantised function gives is not rounded at once, for the file computes limits with the
    function before them. It is *open*, and rounded when another function takes it.
    """

    def __init__(
        self,
        norms: Mapping[int, nn.Module],
        activation: Callable[[int, Tensor], Tensor],
        weight: Callable[[Tensor], Tensor],
    ) -> None:
        """`activation` is given an activation's number and values, `weight` a folded weight."""
        super().__init__()
        self._norms, self._activation, self._weight = norms, activation, weight
        self._count = 0
        # What becomes of a value: itself rounded; None while it is open. Others are in float32.
        self._rounded = WeakTensorKeyDictionary()
        # Maps that were resized, and what was made of them: their sums and products are in float32.
        self._resized = WeakTensorKeyDictionary()

    def run(self, network: nn.Module, pictures: Tensor) -> Tensor:
        with self:
            output = network(pictures)
        return self._take(output)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name, kwargs = func.__name__, kwargs or {}
        is_open = bool(args) and self._knows(args[0]) and self._rounded[args[0]] is None
        if name in _QUESTIONS:
            made = func(*args, **kwargs)
        elif name == "conv2d":
            x, weight, bias, *settings = args
            weight, bias = self._folded(weight, bias)
            made = self._opened(func(self._take(x), self._weight(weight), bias, *settings))
        elif name == "interpolate" or (name in _SUMS_AND_PRODUCTS and self._are_resized(args)):
            made = self._in_float32(func, args, kwargs)
            self._resized[made] = True
        elif name in _SUMS_AND_PRODUCTS and all(isinstance(one, Tensor) for one in args):
            made = self._opened(func(*map(self._take, args)))
        elif name == "cat":
            made = self._concatenated(func, *args, **kwargs)
        elif name == "batch_norm" and is_open:
            made = args[0]
        elif name in _JOINED and is_open:
            made = self._opened(func(*args, **kwargs))
        else:
            made = self._in_float32(func, args, kwargs)
        return made

    def _folded(self, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        norm: Any = self._norms.get(id(weight))
        if norm is None:
            return weight, bias
        factors = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        shift = norm.running_mean if bias is None else norm.running_mean - bias
        return weight * factors[:, None, None, None], norm.bias - shift * factors

    def _concatenated(
        self, func: Callable[..., Tensor], maps: Sequence[Tensor], **kwargs: Any
    ) -> Tensor:
        """Round all with the same range, as a concatenation in 8 bits asks for."""
        number = self._next()
        made = func([self._activation(number, one) for one in maps], **kwargs)
        self._rounded[made] = made
        return made

    def _in_float32(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        args = tuple(self._take(one) if self._knows(one) else one for one in args)
        made = func(*args, **kwargs)
        if func.__name__ in _MOVES and self._knows(args[0]):
            self._rounded[made] = made
        return made

    def _knows(self, x: object) -> bool:
        return isinstance(x, Tensor) and x in self._rounded

    def _are_resized(self, args: Sequence[Any]) -> bool:
        return any(isinstance(one, Tensor) and one in self._resized for one in args)

    def _opened(self, x: Tensor) -> Tensor:
        self._rounded[x] = None
        return x

    def _take(self, x: Tensor) -> Tensor:
        rounded = self._rounded.get(x)
        if rounded is None:
            rounded = self._activation(self._next(), x)
            self._rounded[x] = self._rounded[rounded] = rounded
        return rounded

    def _next(self) -> int:
        self._count += 1
        return self._count - 1
