"""`topformer train`: the published recipe, or one's own, on one machine or many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import (
    JsonOption,
    print_document,
    print_lines,
    tell_licence,
    warn_of_letters,
    weights_as,
)
from topformer.errors import UsageError

if TYPE_CHECKING:
    from topformer.data import Dataset
    from topformer.training.processes import Place
    from topformer.training.recipe import Recipe
    from topformer.training.run import Trained, TrainingRun


def train(
    dataset: Annotated[str, typer.Option(help="Key of the data set: ade20k, camvid, folder, ...")],
    data: Annotated[Path | None, typer.Option(help="Root folder of the data set.")] = None,
    size: Annotated[str, typer.Option(help="tiny, small or base.")] = "tiny",
    recipe: Annotated[
        Path | None, typer.Option(help="TOML with the fields that differ from the shipped recipe.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="imagenet, none or a checkpoint. Default: the recipe's."),
    ] = None,
    iters: Annotated[int | None, typer.Option(min=1, help="Optimizer steps.")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Pictures a step, over all processes.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="FIELD=VALUE of the recipe; repeat for more."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("out/train"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest sound checkpoint in --out.")
    ] = False,
    show_recipe: Annotated[
        bool, typer.Option("--show-recipe", help="Print the recipe with every field and stop.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Train a network, or go on with a run that was stopped.

    Without --recipe the published recipe of the data set is followed. Checkpoints,
    log, curves, best and last weights go to --out. Ctrl-C writes a checkpoint
    first; the same command with --resume goes on, bit for bit on a CPU.

    Start it with torchrun for several GPUs or machines.

    Examples:

      topformer train --dataset ade20k --data ADEChallengeData2016 --size tiny

      topformer train --dataset folder --data my/set --iters 8000 --set amp=bf16

      torchrun --nproc-per-node 8 -m topformer train --dataset ade20k --data ROOT

      topformer train --dataset ade20k --show-recipe > mine.toml
    """
    from topformer.training.recipe import load_recipe, recipe_text  # noqa: PLC0415
    from topformer.variants import get_variant  # noqa: PLC0415

    get_variant(size)
    overrides = _overrides(set_ or [], init=init, iterations=iters, batch=batch)
    chosen = load_recipe(dataset, size, path=recipe, overrides=overrides)
    if show_recipe:
        if json:
            print_document(chosen)
        else:
            print_lines(recipe_text(chosen).splitlines())
        return
    if data is None:
        raise UsageError("Training needs --data ROOT, the folder of the data set.")
    _train(dataset, data, size, chosen, out, resume=resume, json=json)


def _overrides(
    assignments: list[str], *, init: str | None, iterations: int | None, batch: int | None
) -> dict[str, str]:
    overrides: dict[str, str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(
                f"--set takes FIELD=VALUE, not {assignment!r}.",
                next_step="For example --set learning_rate=3e-4.",
            )
        overrides[name.strip()] = value.strip()
    for name, value in (("init", init), ("iterations", iterations), ("batch", batch)):
        if value is not None:
            overrides[name] = str(value)
    return overrides


def _train(
    dataset: str, data: Path, size: str, recipe: Recipe, out: Path, *, resume: bool, json: bool
) -> None:
    from topformer.cli.console import stdout_for_results  # noqa: PLC0415
    from topformer.cli.train_display import Display  # noqa: PLC0415
    from topformer.data import open_dataset  # noqa: PLC0415
    from topformer.training.initialise import (  # noqa: PLC0415
        begin,
        check_fits,
        check_parts,
        variant_for,
    )
    from topformer.training.loop import train as run_training  # noqa: PLC0415
    from topformer.training.processes import Pulse, join  # noqa: PLC0415
    from topformer.training.results import write_pictures  # noqa: PLC0415
    from topformer.weights import load_weights  # noqa: PLC0415

    opened = open_dataset(dataset, data)
    with stdout_for_results(), join() as place, Display(place, recipe.iterations) as display:
        check_parts(variant_for(size, opened), recipe, place)
        with weights_as("--set teacher="):
            teacher = load_weights(recipe.teacher).model if recipe.teacher else None
        check_fits(recipe, opened, place, teacher=teacher)
        has_run = _prepare(out, recipe, place, resume=resume)
        run = _describe(opened, size, recipe, out)
        if place.is_first and not has_run:
            display.check(run, Pulse(place))
        place.meet()
        with weights_as("--init ", otherwise=", or --init none to train from scratch"):
            start = begin(size, opened, recipe, resumed=has_run, progress=display.on_fetch)
        display.on_notice(f"{start.description}; {len(run.train.pairs):,} training pictures")
        if place.world_size > 1 and place.device.type == "cpu":
            display.on_notice(
                "on CPUs every process keeps BatchNorm statistics of its own share of a batch"
            )
        trained = run_training(run, start.model, place, display, resume=has_run, teacher=teacher)
        if not place.is_first:
            return
        display.on_notice("drawing curves and predictions")
        files = write_pictures(run, trained)
    _finish(run, size, start.description, place.world_size, trained, files, json=json)


def _prepare(out: Path, recipe: Recipe, place: Place, *, resume: bool) -> bool:
    """Whether there is a run to go on with; a run is never overwritten."""
    from topformer.files import atomic_write, ensure_writable_folder  # noqa: PLC0415
    from topformer.training.checkpoints import has_checkpoints  # noqa: PLC0415
    from topformer.training.recipe import recipe_text  # noqa: PLC0415

    has_run = has_checkpoints(out)
    if has_run and not resume:
        raise UsageError(
            f"{out} already holds a run.",
            next_step="Add --resume to go on with it, or choose another --out.",
        )
    if place.is_first:
        ensure_writable_folder(out)
    if place.is_first and not has_run:
        atomic_write(out / "recipe.toml", recipe_text(recipe).encode())
    return has_run


def _describe(dataset: Dataset, size: str, recipe: Recipe, out: Path) -> TrainingRun:
    from topformer import __version__  # noqa: PLC0415
    from topformer.data.pairs import usual_picture_size  # noqa: PLC0415
    from topformer.training.recipe import recipe_sha256  # noqa: PLC0415
    from topformer.training.run import TrainingRun  # noqa: PLC0415

    pictures = dataset.split("train")
    return TrainingRun(
        dataset=dataset,
        train=pictures,
        val=dataset.split("val"),
        recipe=recipe,
        out=out,
        name=f"topformer-{size}-{dataset.key}",
        licence=dataset.terms,
        source=f"topformer {__version__} train --dataset {dataset.key} --size {size}, "
        f"recipe {recipe_sha256(recipe)[:16]}",
        picture_size=usual_picture_size(pictures),
    )


def _finish(
    run: TrainingRun,
    size: str,
    init: str,
    processes: int,
    trained: Trained,
    files: tuple[Path, ...],
    *,
    json: bool,
) -> None:
    from topformer.cli.train_document import TrainDocument  # noqa: PLC0415

    best, protocol = trained.best_path, run.protocol.description
    warn_of_letters(run.dataset.classes.names)
    tell_licence(run.licence)
    if json:
        print_document(
            TrainDocument(
                dataset=run.dataset.key,
                size=size,
                recipe=run.recipe,
                init=init,
                licence=run.licence,
                processes=processes,
                steps=trained.steps,
                resumed_from=trained.resumed_from,
                protocol=protocol,
                best=trained.best,
                best_weights=None if best is None else str(best),
                last_weights=str(trained.last_path),
                files=tuple(str(path) for path in files),
            )
        )
        return
    if trained.best is not None:
        print_lines(
            [f"mIoU {trained.best.miou:.4f} on val at step {trained.best.step} ({protocol})"]
        )
    print_lines(path for path in (best, trained.last_path, *files) if path is not None)
