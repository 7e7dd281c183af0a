"""The targets a network can be lowered to: one module each, found by its file name.

A target module defines `SUFFIX` (of the files it makes) and
`lower(network: nn.Module, example: Tensor) -> Lowered`. Dropping such a module into this folder is
all it takes to add one.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from torch import Tensor, nn

from topformer.errors import TopformerError, UsageError
from topformer.manifest import Delegation


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A network in a target's format."""

    data: bytes
    delegation: Delegation
    # Versions of what made it, by distribution name.
    libraries: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One format to lower to."""

    name: str
    suffix: str
    # A fused network in eval mode and an example input [1, 3, h, w]. The network may return one
    # tensor or a tuple of them.
    lower: Callable[[nn.Module, Tensor], Lowered]


def target_names() -> list[str]:
    """Names of all targets, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get_target(name: str) -> Target:
    """Import a target by name; raises `UsageError` for an unknown one."""
    if name not in target_names():
        raise UsageError(
            f"There is no export target called {name!r}.",
            next_step=f"Choose among {', '.join(target_names())}.",
        )
    module = import_module(f"{__name__}.{name}")
    try:
        return Target(name=name, suffix=module.SUFFIX, lower=module.lower)
    except AttributeError as error:
        raise TopformerError(f"The target {name!r} is incomplete.", why=str(error)) from error
