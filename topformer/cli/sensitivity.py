"""`topformer sensitivity`: what each layer costs when it alone is quantised."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import (
    CalibrationOption,
    CalibrationSizeOption,
    DataOption,
    ImageSizeOption,
    JsonOption,
)


def sensitivity(
    size: Annotated[
        str | None, typer.Option(help="tiny, small or base. Default: the checkpoint's, or tiny.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Checkpoint: a path, an https URL, a published name, or `random`."),
    ] = None,
    image_size: ImageSizeOption = None,
    calibration: CalibrationOption = None,
    calibration_size: CalibrationSizeOption = 48,
    dataset: Annotated[
        str | None,
        typer.Option(help="Data set on whose val pictures mIoU or AP is measured: camvid, ..."),
    ] = None,
    data: DataOption = None,
    pictures: Annotated[
        int, typer.Option(min=1, max=1000, help="Pictures that every layer is measured on.")
    ] = 4,
    gap: Annotated[
        bool,
        typer.Option("--gap", help="Also compare torch's simulation with XNNPACK: a minute."),
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    as_json: JsonOption = False,
) -> None:
    """Measure what each layer costs when it alone is quantised to int8.

    The costs are a forward pass in torch for each layer and picture: SQNR of
    the outputs and equal labels or boxes against float32 and, with a data set,
    mIoU or AP.
    sensitivity.png and sensitivity.json are written to --out.

    Examples:

      topformer sensitivity --size tiny --calibration pictures

      topformer sensitivity --calibration camvid --dataset camvid --data CamVid --gap
    """
    from topformer.verbs.sensitivity.run import run

    run(
        variant=size,
        weights=weights,
        image_size=image_size,
        calibration=calibration,
        calibration_size=calibration_size,
        dataset=dataset,
        data=data,
        pictures=pictures,
        gap=gap,
        out=out,
        as_json=as_json,
    )
