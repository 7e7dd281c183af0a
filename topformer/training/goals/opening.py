"""From a task's name and a data set's to a goal."""

from pathlib import Path

from topformer.data import open_box_dataset, open_dataset
from topformer.tasks import DETECTION
from topformer.training.goals.detection import DetectionGoal
from topformer.training.goals.goal import Goal
from topformer.training.goals.segmentation import SegmentationGoal
from topformer.training.recipe import Recipe, check_task


def open_goal(task: str, dataset: str, root: Path, recipe: Recipe) -> Goal:
    """Open a data set to train on; raises as `open_dataset` or `open_box_dataset`.

    Raises `UsageError`, too, for a recipe with fields of another task.
    """
    check_task(recipe, task)
    if task == DETECTION:
        return DetectionGoal(open_box_dataset(dataset, root), recipe)
    return SegmentationGoal(open_dataset(dataset, root), recipe)
