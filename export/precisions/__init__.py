"""The precisions a network can be shipped in: one module each, found by its file name.

A module sets `PRECISION`. Dropping one into this folder is all it takes to add a precision.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from topformer.manifest import Gates
from topformer.registry import Registry

DEFAULT_PRECISION = "fp32"


@dataclass(frozen=True, kw_only=True)
class Precision:
    """The numbers that a file computes with: a step between fusing and lowering."""

    name: str
    # What the converted network and the file are held to, against float64.
    gates: Gates
    # A fused network in eval mode and the standard inputs, each [1, 3, h, w], of every proof -> a
    # network that any target lowers. The network may return one tensor or a tuple of them. It is
    # not changed; returned itself, it makes no step.
    convert: Callable[[nn.Module, Sequence[Tensor]], nn.Module]


_REGISTRY = Registry(package=__name__, kind=Precision, title="precision")
precision_names, get_precision, check_precision = _REGISTRY.names, _REGISTRY.get, _REGISTRY.check
