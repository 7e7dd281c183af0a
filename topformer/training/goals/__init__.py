"""What a run teaches a network, a module a task: samples, loss, score, and what is drawn of it.

The loop, a step of it, checkpoints and logs know a `Goal` and nothing of labels or boxes.
"""

from topformer.training.goals.goal import Goal
from topformer.training.goals.opening import open_goal

__all__ = ["Goal", "open_goal"]
