"""What a training run is made of, who watches it, and what it leaves."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from topformer import __version__
from topformer.manifest import WeightsInfo
from topformer.training.checkpoints import Best
from topformer.training.goals import Goal
from topformer.training.initialise import NetworkForm
from topformer.training.journal import Record
from topformer.training.recipe import Recipe, recipe_sha256
from topformer.weights.licences import joint_licence


class Observer(Protocol):
    """Who watches a run."""

    def on_step(self, step: int) -> None:
        """Note that so many steps are done."""
        ...

    def on_record(self, record: Record) -> None:
        """Take what was just written to the log."""
        ...

    def on_notice(self, text: str) -> None:
        """Tell a person something that needs no action now."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """What a training run is made of."""

    goal: Goal
    recipe: Recipe
    out: Path
    # What is written into the weights beside the numbers.
    name: str
    licence: str
    source: str
    # Usual (height, width) of the training pictures.
    picture_size: tuple[int, int]


def training_run(
    goal: Goal, form: NetworkForm, out: Path, command: str, origins: Iterable[WeightsInfo]
) -> TrainingRun:
    """Make a run of a goal's recipe.

    Its weights name the command that trained them, and have the licences of their `origins`, too:
    of what the run begins with and of what teaches.
    """
    names = ("topformer", form.variant.name, form.head, goal.dataset)
    return TrainingRun(
        goal=goal,
        recipe=goal.recipe,
        out=out,
        name="-".join(filter(None, names)),
        licence=joint_licence(goal.terms, origins),
        source=f"topformer {__version__} {command}, recipe {recipe_sha256(goal.recipe)[:16]}",
        picture_size=goal.picture_size(),
    )


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a finished run left."""

    steps: int
    best: Best | None
    best_path: Path | None
    last_path: Path
    resumed_from: int | None
    # Of the weights, as it was when the run began.
    licence: str
