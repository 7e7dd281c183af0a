"""A network that computes in half precision between float32 inputs and outputs.

Both conversions are operators of ours, because a lowering treats torch's own as changes of memory
layout and takes them apart. Those who lower them must say how (`xnnpack_half`).
"""

# pyright: standard
# Not strict: torch types its own operators loosely.

import copy

import torch
from torch import Tensor, nn


@torch.library.custom_op("topformer::to_half", mutates_args=())
def to_half(x: Tensor) -> Tensor:
    """Float32 [...] -> float16 [...], rounded to the nearest; beyond 65504 to infinity."""
    return x.to(torch.float16, copy=True)


@torch.library.custom_op("topformer::to_single", mutates_args=())
def to_single(x: Tensor) -> Tensor:
    """Float16 [...] -> float32 [...], exactly."""
    return x.to(torch.float32, copy=True)


@to_half.register_fake
def _half_like(x: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.float16)


@to_single.register_fake
def _single_like(x: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.float32)


class HalfNetwork(nn.Module):
    """A copy of a network with weights and arithmetic in half precision."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).half()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """[b, 3, h, w] in float32 -> what the network returns, in float32."""
        made = self.network(to_half(x))
        return to_single(made) if isinstance(made, Tensor) else tuple(map(to_single, made))
