"""The targets a network can be lowered to: one module each, found by its file name.

A module sets `TARGET`. Dropping one into this folder is all it takes to add a target; a new suffix
also takes a module in `topformer/runtimes/exported`, which says all that depends on the runtime.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from topformer.manifest import Delegation
from topformer.registry import Registry
from topformer.runtimes.exported import Runtime

# What is exported to where nothing is said.
DEFAULT_TARGETS = ("xnnpack", "onnx")


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A network in a target's format."""

    data: bytes
    delegation: Delegation
    # Versions of what made it, by distribution name.
    libraries: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One format to lower to, and what runs it."""

    name: str
    runtime: Runtime
    # A fused network in eval mode and an example input [1, 3, h, w]. The network may return one
    # tensor or a tuple of them.
    lower: Callable[[nn.Module, Tensor], Lowered]

    @property
    def suffix(self) -> str:
        """The last suffix of its files."""
        return self.runtime.suffix


_REGISTRY = Registry(package=__name__, kind=Target, title="export target")
target_names, get_target = _REGISTRY.names, _REGISTRY.get
