"""A run before its first step: its recipe tried, its folder taken, its network made."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from topformer.errors import UsageError
from topformer.files import atomic_write, ensure_writable_folder
from topformer.locks import only_run_in
from topformer.manifest import WeightsInfo
from topformer.temporary import sweep
from topformer.training.checkpoints import FOLDER as CHECKPOINTS
from topformer.training.checkpoints import has_checkpoints
from topformer.training.goals import Goal
from topformer.training.initialise import Beginning, NetworkForm, begin
from topformer.training.processes import Place
from topformer.training.recipe import recipe_text
from topformer.training.requirements import check_batch, check_fits
from topformer.training.run import TrainingRun, training_run
from topformer.weights.transfer import Progress


@dataclass(frozen=True, kw_only=True)
class OpenedRun:
    """What is trained, with what it begins with; `resumes` where there are steps behind it."""

    run: TrainingRun
    start: Beginning
    resumes: bool


@contextmanager
def opened_run(
    goal: Goal,
    form: NetworkForm,
    out: Path,
    place: Place,
    *,
    command: str,
    resume: bool,
    taught_by: WeightsInfo | None = None,
    progress: Progress | None = None,
) -> Generator[OpenedRun]:
    """Open a run in a folder that no other run may use meanwhile.

    `command` is what its weights say of who trained them. Raises `UsageError` for a recipe that
    cannot be followed here and for a folder that holds a run which is not to `resume`, and what
    `begin` raises.
    """
    recipe = goal.recipe
    check_batch(form, recipe, place)
    check_fits(recipe, goal.classes, place)
    if place.is_first:
        ensure_writable_folder(out)
    with only_run_in(out) if place.is_first else nullcontext():
        if place.is_first:
            sweep(out / CHECKPOINTS)
        resumes = _has_run(out, resume=resume)
        # Before anything is written: what it begins with may have to be got by hand.
        start = begin(form, goal.classes, recipe, resumed=resumes, progress=progress)
        if place.is_first and not resumes:
            atomic_write(out / "recipe.toml", recipe_text(recipe).encode())
        origins = [one for one in (start.weights, taught_by) if one is not None]
        run = training_run(goal, form, out, command, origins)
        yield OpenedRun(run=run, start=start, resumes=resumes)


def _has_run(out: Path, *, resume: bool) -> bool:
    """Whether there is a run to go on with; a run is never overwritten."""
    has_run = has_checkpoints(out)
    if has_run and not resume:
        raise UsageError(
            f"{out} already holds a run.",
            next_step="Add --resume to go on with it, or choose another --out.",
        )
    return has_run
