"""A small data set on disk, recipes that run in seconds, and a network without chance in it."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from topformer.model import DropPath
from topformer.networks import create_network
from topformer.tasks import DETECTION, SEGMENTATION
from topformer.training.goals import Goal, open_goal
from topformer.training.recipe import Recipe
from topformer.training.run import TrainingRun

# A small run of these as a process of its own.
SCRIPT = Path(__file__).parent / "training_script.py"
CLASSES = ("sky", "road", "car")
COLOURS = ((70, 130, 180), (128, 64, 128), (0, 0, 142))


def make_folder(root: Path, *, train: int = 6, val: int = 2) -> Path:
    """Sky above road with a car, in noise: something that a network can learn."""
    # Not at the top: the script beside this file runs without the folder above on its path.
    from support.folders import write_folder

    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        pairs = {}
        for number in range(count):
            labels = np.zeros((96, 128), np.uint8)
            labels[rng.integers(30, 60) :] = 1
            top, left = rng.integers(40, 70), rng.integers(0, 90)
            labels[top : top + 20, left : left + 30] = 2
            noise = rng.integers(-20, 20, (96, 128, 3))
            picture = (np.array(COLOURS)[labels] + noise).clip(0, 255).astype(np.uint8)
            labels[:4, :4] = 255
            pairs[str(number)] = picture, labels
        write_folder(root, pairs, split=split, classes=CLASSES, palette=COLOURS)
    return root


def small_recipe(**changes) -> Recipe:
    fields = {
        "iterations": 4,
        "batch": 2,
        "learning_rate": 1e-3,
        "scale": (256, 128),
        "crop": (64, 96),
        "init": "none",
        "workers": 0,
        "warmup_iterations": 2,
        "log_every": 1,
        "evaluate_every": 4,
        "checkpoint_every": 2,
    }
    return Recipe(**(fields | changes))


def make_box_folder(root: Path) -> Path:
    """Write train and val in COCO's format: cats and dogs in noise, a crowd, an empty picture."""
    from support.coco_fakes import annotations, write_split

    for split in ("train", "val"):
        write_split(root, annotations(), split=split)
    return root


def small_box_run(folder: Path, out: Path, recipe: Recipe) -> TrainingRun:
    return _run_of(open_goal(DETECTION, "coco-folder", folder, recipe), out, (64, 96))


def small_run(folder: Path, out: Path, recipe: Recipe) -> TrainingRun:
    return _run_of(open_goal(SEGMENTATION, "folder", folder, recipe), out, (96, 128))


def _run_of(goal: Goal, out: Path, picture_size: tuple[int, int]) -> TrainingRun:
    return TrainingRun(
        goal=goal,
        recipe=goal.recipe,
        out=out,
        name="trained in a test",
        licence="none",
        source="a test",
        picture_size=picture_size,
    )


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


def settled_model(classes: int = len(CLASSES), *, head: str = ""):
    """A Tiny that does not care how a batch is divided: no dropout, fixed BatchNorm."""
    torch.manual_seed(0)
    model = create_network("tiny", classes, detection_head=head)
    for module in model.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
        if isinstance(module, DropPath):
            module.probability = 0.0
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            module.train = lambda _mode=True, module=module: module
    return model


class SilentObserver:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.records, self.notices, self.steps = [], [], []

    def on_step(self, step):
        self.steps.append(step)

    def on_record(self, record):
        self.records.append(record)

    def on_notice(self, text):
        self.notices.append(text)
