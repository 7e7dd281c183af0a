"""What `topformer train` does: check a data set, train on it, and write what came of it."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from topformer.console.output import print_result, warn_of_letters
from topformer.console.progress import stdout_for_results
from topformer.console.weights import tell_licence, weights_as
from topformer.data import check_key, dataset_task
from topformer.detection import RETINANET, check_head
from topformer.documents import Count, Document, SchemaName, ShortText
from topformer.errors import UsageError
from topformer.tasks import DETECTION, SEGMENTATION, task_named
from topformer.training.checkpoints import Best
from topformer.training.goals import Goal, open_goal
from topformer.training.initialise import NetworkForm, form_for
from topformer.training.loop import train
from topformer.training.opening import opened_run
from topformer.training.pictures import write_pictures
from topformer.training.processes import Place, Pulse, join
from topformer.training.recipe import (
    Recipe,
    check_task,
    load_recipe,
    read_assignments,
    recipe_text,
)
from topformer.training.run import Trained, TrainingRun
from topformer.training.teachers import open_teacher
from topformer.variants import get_variant
from topformer.verbs.train.display import Display


class TrainDocument(Document, frozen=True, kw_only=True):
    """A finished run."""

    schema: SchemaName = "topformer.train/1.2"
    task: ShortText = SEGMENTATION
    dataset: ShortText
    variant: ShortText
    # Of a detector; else empty.
    detection_head: ShortText = ""
    recipe: Recipe
    # What the weights were before the first step.
    init: ShortText
    licence: ShortText
    processes: Count
    steps: Count
    resumed_from: Count | None
    # How val was scored, as `eval` names it.
    protocol: ShortText
    # On val; null where no score was taken.
    best: Best | None
    # Weights of the best score and of the last step, and what else was written.
    best_weights: str | None
    last_weights: str
    files: tuple[str, ...]


def run(
    *,
    task: str | None,
    head: str | None,
    dataset: str,
    data: Path | None,
    variant: str,
    recipe: Path | None,
    init: str | None,
    iterations: int | None,
    batch: int | None,
    assignments: Sequence[str],
    out: Path,
    resume: bool,
    show_recipe: bool,
    as_json: bool,
) -> None:
    """Train, go on with a run, or show the recipe that would be followed.

    `assignments` are FIELD=VALUE of the recipe. Raises `UsageError` for what does not fit.
    """
    get_variant(variant)
    aim = _task(task, dataset)
    form = _form(aim, head, variant, dataset)
    overrides = _overrides(assignments, init=init, iterations=iterations, batch=batch)
    chosen = load_recipe(dataset, variant, head=form.head, path=recipe, overrides=overrides)
    check_task(chosen, aim)
    if show_recipe:
        print_result(chosen, recipe_text(chosen).splitlines(), as_json=as_json)
        return
    if data is None:
        raise UsageError("Training needs --data ROOT, the folder of the data set.")
    goal = open_goal(aim, dataset, data, chosen)
    _train(goal, form, out, resume=resume, as_json=as_json)


def _task(word: str | None, dataset: str) -> str:
    """What the data set is for; raises `UsageError` where another task is asked for."""
    if word is None:
        return dataset_task(dataset)
    check_key(dataset, boxes=task_named(word) == DETECTION)
    return task_named(word)


def _form(task: str, head: str | None, size: str, dataset: str) -> NetworkForm:
    """The network that is asked for; raises `UsageError` where it is none."""
    detects = task == DETECTION
    if not detects and head is not None:
        raise UsageError(
            "--head is for detectors, and segmentation is trained.",
            next_step="Name a data set with boxes, or leave --head out.",
        )
    chosen = (head or RETINANET) if detects else ""
    if chosen:
        check_head(chosen)
    return form_for(size, dataset, chosen)


def _overrides(
    assignments: Sequence[str], *, init: str | None, iterations: int | None, batch: int | None
) -> dict[str, str]:
    overrides = read_assignments(assignments)
    for name, value in (("init", init), ("iterations", iterations), ("batch", batch)):
        if value is not None:
            overrides[name] = str(value)
    return overrides


def _train(goal: Goal, form: NetworkForm, out: Path, *, resume: bool, as_json: bool) -> None:
    recipe = goal.recipe
    with (
        stdout_for_results(),
        join() as place,
        Display(place, recipe.iterations) as display,
        ExitStack() as stack,
    ):
        with weights_as("--set teacher="):
            teacher = open_teacher(recipe, goal.classes) if recipe.teacher else None
        with weights_as("--init ", otherwise=", or --init none to train from scratch"):
            opened = stack.enter_context(
                opened_run(
                    goal,
                    form,
                    out,
                    place,
                    command=_command(goal, form),
                    resume=resume,
                    taught_by=teacher.weights if teacher else None,
                    progress=display.on_fetch,
                )
            )
        run, start, resumes = opened.run, opened.start, opened.resumes
        if place.is_first and not resumes:
            _check(run, place, display)
        place.meet()
        display.on_notice(f"{start.description}; {goal.splits[0][1]:,} training pictures")
        if place.world_size > 1 and place.device.type == "cpu":
            display.on_notice(
                "on CPUs every process keeps BatchNorm statistics of its own share of a batch"
            )
        network = teacher.network if teacher else None
        trained = train(run, start.model, place, display, resume=resumes, teacher=network)
        if not place.is_first:
            return
        if trained.resumed_from == trained.steps:
            display.on_notice("the run was complete: no step was left")
        display.on_notice("drawing curves and predictions")
        files = write_pictures(run, trained)
    _finish(
        run,
        trained,
        files,
        form=form,
        init=start.description,
        processes=place.world_size,
        as_json=as_json,
    )


def _command(goal: Goal, form: NetworkForm) -> str:
    """What is typed to train so, but for the recipe."""
    asked = f"--task detection --head {form.head} " if form.head else ""
    return f"train {asked}--dataset {goal.dataset} --size {form.variant.name}"


def _check(run: TrainingRun, place: Place, display: Display) -> None:
    """Open every file of both splits once, before anything is trained on them.

    Problems are raised; what is doubtful is said in short, and training begins.
    """
    pulse = Pulse(place)
    doubts: list[str] = []
    for name, count in run.goal.splits:
        with display.counting(f"checking {name}", count) as tell:

            def show(done: int, _total: int, tell: Callable[[int], None] = tell) -> None:
                pulse()
                tell(done)

            doubts += [f"{name}: {doubt}" for doubt in run.goal.check(name, show)]
    shared = run.goal.shared()
    doubts += [f"val: {shared}"] if shared else []
    for doubt in doubts:
        display.on_notice(f"warning: {doubt}")
    if doubts:
        display.on_notice("`topformer data check` names the files and what to do")


def _finish(
    run: TrainingRun,
    trained: Trained,
    files: Sequence[Path],
    *,
    form: NetworkForm,
    init: str,
    processes: int,
    as_json: bool,
) -> None:
    best, protocol = trained.best_path, run.goal.protocol.description
    warn_of_letters(run.goal.classes.names)
    tell_licence(trained.licence)
    document = TrainDocument(
        task=run.goal.task,
        dataset=run.goal.dataset,
        variant=form.variant.name,
        detection_head=form.head,
        recipe=run.recipe,
        init=init,
        licence=trained.licence,
        processes=processes,
        steps=trained.steps,
        resumed_from=trained.resumed_from,
        protocol=protocol,
        best=trained.best,
        best_weights=None if best is None else str(best),
        last_weights=str(trained.last_path),
        files=tuple(str(path) for path in files),
    )
    lines: list[object] = [path for path in (best, trained.last_path, *files) if path is not None]
    if trained.best is not None:
        score = f"{trained.best.text} on val at step {trained.best.step} ({protocol})"
        lines.insert(0, score)
    print_result(document, lines, as_json=as_json)
