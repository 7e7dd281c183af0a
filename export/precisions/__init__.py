"""The precisions a network can be shipped in: one module each, found by its file name.

A module sets `PRECISION`. Dropping one into this folder is all it takes to add a precision.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from topformer.export.budget import Budget
from topformer.export.proof import STRAYING_FLOOR
from topformer.manifest import SAME_IOU, Gates
from topformer.registry import Registry

DEFAULT_PRECISION = "fp32"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What converted networks and files of one task are held to."""

    # Against float64.
    gates: Gates
    # Points of the task's score, of which there are 100, that a file may lie below float32 where
    # data are given and nothing else is said.
    max_drop: float
    # Of detectors: from which IoU on two boxes are the same.
    same_iou: float = SAME_IOU
    # What a simulation is held to on inputs unlike those that it was calibrated with.
    straying: Gates = STRAYING_FLOOR


@dataclass(frozen=True, kw_only=True)
class Materials:
    """What a conversion goes by, besides the network itself."""

    # The standard inputs of every proof, each [1, 3, h, w]: the same everywhere.
    examples: Sequence[Tensor]
    # Pictures as the file will see them, each [1, 3, h, w]; none for precisions that need none.
    calibration: Sequence[Tensor] = ()
    # Whether these are not of what the model is for.
    foreign: bool = False
    budget: Budget | None = None
    # Hears what is being done.
    on_progress: Callable[[str], None] = lambda _doing: None


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A network brought to a precision."""

    # Returns what the fused network does, one tensor or a tuple of them; the fused network itself
    # makes no step of the proof.
    network: nn.Module
    # Layers that were to be changed and were kept as they are, by module path.
    float_layers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Precision:
    """The numbers that a file computes with: a step between fusing and lowering."""

    name: str
    # As in `Limits`, for tasks that have none of their own below.
    gates: Gates
    # A fused network in eval mode, which is not changed. Targets lower what is returned.
    convert: Callable[[nn.Module, Materials], Converted]
    # The targets that it is made for; None for any.
    targets: tuple[str, ...] | None = None
    # Whether it learns from pictures. Such a conversion cannot be repeated without them.
    calibrated: bool = False
    max_drop: float = 0.1
    # By the manifest's name for the task.
    by_task: Mapping[str, Limits] = field(default_factory=dict[str, Limits])
    # What users of its files should know, for their manifests.
    notes: tuple[str, ...] = ()

    def limits(self, task: str) -> Limits:
        """What files of a task, as a manifest names it, are held to."""
        return self.by_task.get(task) or Limits(gates=self.gates, max_drop=self.max_drop)

    def fits(self, target: str) -> bool:
        """Whether it is made for a target."""
        return self.targets is None or target in self.targets


_REGISTRY = Registry(package=__name__, kind=Precision, title="precision")
precision_names, get_precision, check_precision = _REGISTRY.names, _REGISTRY.get, _REGISTRY.check
