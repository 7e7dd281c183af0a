"""`topformer eval`: how well a model does on a data set, and where it fails."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import ClassesOption, JsonOption, TaskOption


def eval(  # noqa: A001 - a verb's function is called what the verb is
    dataset: Annotated[str, typer.Option(help="Key of the data set: ade20k, camvid, coco, ...")],
    data: Annotated[Path, typer.Option(help="Root folder of the data set.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A .pte, .onnx, .pth or .safetensors file, or a name; repeat for more. "
            "Default: tiny."
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(help="train, val or test; of boxes, any that the data set has."),
    ] = "val",
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
            "448 for the published 448x448 weights. What the long side may have grows with it.",
        ),
    ] = None,
    task: TaskOption = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    classes: ClassesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a model on a data set: mIoU or AP, each class, worst pictures.

    There are two protocols, and their scores must not be compared. Checkpoints
    are scored on whole pictures as published ("whole"). Exported files, and
    checkpoints given --image-size or trained on stretched pictures, see pictures
    stretched to one size ("fixed"); --short-side asks for whole ones.

    confusion.png and worst.png are written to --out; of several models, to a
    folder for each. Pixels of no class never count.

    Detectors are scored on boxes in COCO's format (coco, or coco-folder for one
    of your own): AP as pycocotools counts it, by IoU, by size and by class, with
    precision-recall.png and worst.png. Whole pictures are then filled up to
    multiples of 32.

    Examples:

      topformer eval --model model.pth --dataset ade20k --data ADEChallengeData2016

      topformer eval --model model.pte --dataset camvid --data CamVid --split test

      topformer eval --model fp32.pte --model int8.pte --dataset camvid --data CamVid

      topformer eval --model best.safetensors --image-size 448 --dataset folder --data my/set

      topformer eval --model detector.pte --dataset coco --data coco --split val2017
    """
    from topformer.verbs.eval.run import run

    run(
        task=task,
        dataset=dataset,
        data=data,
        models=model or ("tiny",),
        split=split,
        image_size=image_size,
        short_side=short_side,
        out=out,
        classes=classes,
        as_json=as_json,
    )
