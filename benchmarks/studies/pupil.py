"""Train a TopFormer with teachers that are computed where it is: beside it on a GPU.

    python -m topformer.benchmarks.studies.pupil DATASET ROOT SIZE OUT RECIPE.toml WORD...

A WORD is a TEACHER, --resume or, as for `train --set`, FIELD=VALUE. Every TEACHER is a
`teacher.safetensors` of the study of teachers; of several the geometric mean is taught. All else is
as `topformer train` does it, but that the data set is not checked first, no pictures are drawn, and
the weights name no licence of the teachers, whose files state none. `topformer train --set
teacher=FILE` takes any network in ONNX, but on the CPU only.
"""

import sys
from pathlib import Path

from topformer.benchmarks.studies.pyramid import Committee, read_pyramid
from topformer.errors import TopformerError
from topformer.tasks import SEGMENTATION
from topformer.training.goals import Goal, open_goal
from topformer.training.initialise import form_for
from topformer.training.journal import Record, StepRecord
from topformer.training.loop import train
from topformer.training.opening import opened_run
from topformer.training.processes import join
from topformer.training.recipe import load_recipe, read_assignments
from topformer.training.run import Trained


class Teller:
    """Writes every line of a run's log to stderr."""

    def on_step(self, step: int) -> None:
        """See `Observer`."""

    def on_record(self, record: Record) -> None:
        """See `Observer`."""
        said = (
            f"loss {record.loss:.4f}, {record.images_per_s:.0f} pictures/s"
            if isinstance(record, StepRecord)
            else record.text
        )
        sys.stderr.write(f"step {record.step}: {said}\n")

    def on_notice(self, text: str) -> None:
        """See `Observer`."""
        sys.stderr.write(f"{text}\n")


def teach(goal: Goal, size: str, out: Path, teachers: list[Path], *, resume: bool) -> Trained:
    """Train a network of a size, or go on with it; raises `TopformerError`."""
    command = f"studies.pupil {goal.dataset} {size}"
    form = form_for(size, goal.dataset)
    committee = Committee(*map(read_pyramid, teachers))
    with (
        join() as place,
        opened_run(goal, form, out, place, command=command, resume=resume) as opened,
    ):
        resume = opened.resumes
        return train(
            opened.run, opened.start.model, place, Teller(), resume=resume, teacher=committee
        )


def main() -> int:
    """Train a pupil; return the exit status."""
    resume = "--resume" in sys.argv
    words = [word for word in sys.argv[6:] if word != "--resume"]
    teachers = [Path(word) for word in words if "=" not in word]
    if not teachers:
        sys.stderr.write(f"{__doc__}")
        return 2
    dataset, root, size, out, recipe_path = sys.argv[1:6]
    try:
        recipe = load_recipe(
            dataset,
            size,
            path=Path(recipe_path),
            overrides=read_assignments(word for word in words if "=" in word),
        )
        goal = open_goal(SEGMENTATION, dataset, Path(root), recipe)
        trained = teach(goal, size, Path(out), teachers, resume=resume)
    except TopformerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{trained.last_path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
