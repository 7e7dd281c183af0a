"""`topformer eval`: how well a model segments a data set, and where it fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import (
    ClassesOption,
    JsonOption,
    announce_random,
    named_by,
    print_document,
    print_lines,
    stage_display,
    stderr,
    tell_form,
    warn,
    warn_of_letters,
    weights_as,
)
from topformer.errors import UsageError

if TYPE_CHECKING:
    from topformer.cli.eval_report import Evaluation
    from topformer.data.layouts import FoundPairs


def eval(  # noqa: A001 - a verb's function is called what the verb is
    dataset: Annotated[str, typer.Option(help="Key of the data set: ade20k, camvid, folder, ...")],
    data: Annotated[Path, typer.Option(help="Root folder of the data set.")],
    model: Annotated[
        str, typer.Option(help="A .pte, .onnx, .pth or .safetensors file, or a name.")
    ] = "tiny",
    split: Annotated[str, typer.Option(help="train, val or test.")] = "val",
    image_size: Annotated[
        str | None,
        typer.Option(
            help="Score a checkpoint as if exported at this size: one side, or HEIGHTxWIDTH."
        ),
    ] = None,
    short_side: Annotated[
        int | None,
        typer.Option(
            min=64,
            max=4096,
            help="Short side of whole pictures, where it is not to be the data set's: "
            "448 for the published 448x448 weights.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    classes: ClassesOption = None,
    json: JsonOption = False,
) -> None:
    """Score a model on a data set: mIoU, accuracies, confusion, worst pictures.

    There are two protocols, and their scores must not be compared. Checkpoints
    are scored on whole pictures as published ("whole"). Exported files, and
    checkpoints given --image-size, see pictures stretched to one size ("fixed").

    confusion.png and worst.png are written to --out. Pixels of no class never
    count.

    Examples:

      topformer eval --model model.pth --dataset ade20k --data ADEChallengeData2016

      topformer eval --model model.pte --dataset camvid --data CamVid --split test

      topformer eval --model best.safetensors --image-size 448 --dataset folder --data my/set
    """

    from topformer.cli import eval_report  # noqa: PLC0415
    from topformer.cli.tables import print_table  # noqa: PLC0415
    from topformer.data import open_dataset  # noqa: PLC0415
    from topformer.evaluation.scored_model import open_scored_model  # noqa: PLC0415
    from topformer.evaluation.scoring import score_split  # noqa: PLC0415
    from topformer.files import ensure_writable_folder  # noqa: PLC0415
    from topformer.preprocess import parse_image_size  # noqa: PLC0415

    size = parse_image_size(image_size) if image_size is not None else None
    named = named_by(classes)
    opened = open_dataset(dataset, data)
    if short_side is not None:
        opened = replace(opened, scale=replace(opened.scale, short_px=short_side))
    found = opened.split(split)
    with stage_display() as show_stage:
        show_stage(f"opening {model}")
        with weights_as("--model "):
            scored_model = open_scored_model(model, opened, image_size=size, classes=named)
        if short_side is not None and scored_model.protocol.name != "whole":
            raise UsageError(
                "--short-side is for whole pictures, and this model is scored at a fixed size.",
                next_step="Leave --short-side out.",
            )
        # Now, not after an hour of scoring, is the time to learn that nothing can be written there.
        ensure_writable_folder(out)
        with show_stage.counting(f"scoring {split}", len(found.pairs)) as tell:
            scored = score_split(
                scored_model.segment,
                found,
                opened.classes,
                progress=lambda done, _total: tell(done),
            )
        done = eval_report.Evaluation(
            model=model, scored_model=scored_model, dataset=opened, split=split, scored=scored
        )
        show_stage("drawing")
        files = _draw(done, found, out)
    tell_form(scored_model.opened.notes)
    warn_of_letters((*opened.classes.names, *(one.pair.picture.name for one in done.worst)))
    announce_random(scored_model.opened.manifest.weights)
    warning = eval_report.names_warning(done)
    if warning:
        warn(warning)
    document = eval_report.document(done, files)
    stderr().print(eval_report.heading(document), soft_wrap=True)
    print_table(eval_report.table(document))
    if json:
        print_document(document)
    else:
        print_lines(eval_report.summary(document), shown=True)
        print_lines(document.files)


def _draw(done: Evaluation, found: FoundPairs, out: Path) -> list[Path]:
    """Write both pictures; the worst are segmented once more, which keeps no others in memory."""
    from topformer.cli.eval_report import caption  # noqa: PLC0415
    from topformer.evaluation.confusion_picture import draw_confusion  # noqa: PLC0415
    from topformer.evaluation.scoring import show_pair  # noqa: PLC0415
    from topformer.evaluation.sheet import draw_sheet  # noqa: PLC0415
    from topformer.files import atomic_write  # noqa: PLC0415

    classes, scored, written = done.dataset.classes, done.scored, caption(done)
    files = [out / "confusion.png"]
    atomic_write(files[0], draw_confusion(scored.counts, scored.scores, classes.names, written))
    shown = [show_pair(one.pair, found, classes, done.scored_model.segment) for one in done.worst]
    if shown:
        files.append(out / "worst.png")
        atomic_write(files[1], draw_sheet(shown, classes, written))
    return files
