"""How much of its score a network may lose to a precision."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from topformer.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much of the task's score a precision may cost, on data at hand."""

    # Points, of which there are 100.
    max_drop: float
    # What the score is called.
    metric: str
    task: Task[Any]
    # A converted network -> the points that it lies below float32. It runs over a whole split.
    drop_of: Callable[[nn.Module], float]
