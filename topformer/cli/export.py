"""`topformer export`: one model to one or more targets, each file proved."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import (
    CalibrationOption,
    CalibrationSizeOption,
    ClassesOption,
    DataOption,
    HeadOption,
    ImageSizeOption,
    JsonOption,
    TaskOption,
)


def export(
    target: Annotated[
        list[str] | None,
        typer.Option(help="Format to export to; repeat for more. Default: xnnpack and onnx."),
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="fp32, fp16 or int8; repeat for more. Default: fp32."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="tiny, small or base. Default: the checkpoint's, or tiny.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Checkpoint: a path, an https URL, a published name, or `random`."),
    ] = None,
    task: TaskOption = None,
    head: HeadOption = None,
    image_size: ImageSizeOption = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    images: Annotated[
        Path | None, typer.Option(help="Folder of pictures of yours to add to the proof.")
    ] = None,
    classes: ClassesOption = None,
    calibration: CalibrationOption = None,
    calibration_size: CalibrationSizeOption = 48,
    dataset: Annotated[
        str | None,
        typer.Option(help="Data set whose val split each file is scored on: camvid, coco, ..."),
    ] = None,
    data: DataOption = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            "--max-drop",
            "--max-miou-drop",
            help="Points of mIoU (of a detector: AP), of 100, that a file may lie below float32. "
            "Where int8 loses more, the layers that cost most stay in float32.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> bool:
    """Export a model and prove that each file computes what the checkpoint does.

    Each file gets its name only after it has run in its real runtime and agreed with the float64
    network. One that does not is kept as *.failed, and the command exits with 1.

    Examples:

      topformer export --size tiny --target xnnpack

      topformer export --weights model.pth --image-size 384x576 --images pictures

      topformer export --precision fp16 --target xnnpack

      topformer export --precision int8 --calibration pictures

      topformer export --precision int8 --calibration camvid --dataset camvid --data CamVid

      topformer export --task detection --head lite --size tiny

      topformer export --weights boxes.safetensors --precision int8 --calibration coco --data COCO
    """
    from topformer.verbs.export import run

    return run(
        targets=target,
        precisions=precision or ("fp32",),
        variant=size,
        weights=weights,
        task=task,
        detection_head=head,
        image_size=image_size,
        out=out,
        images=images,
        classes=classes,
        calibration=calibration,
        calibration_size=calibration_size,
        dataset=dataset,
        data=data,
        max_drop=max_drop,
        as_json=as_json,
    )
