"""Options that several verbs have."""

from pathlib import Path
from typing import Annotated

import typer

ClassesOption = Annotated[
    str | None,
    typer.Option(
        "--classes",
        help="Class names: a file (one a line, or a classes.json) or a data set's key. "
        "Default: those in the weights.",
    ),
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="segmentation or detection. Default: what the data set, file or checkpoint is for; "
        "with random weights, segmentation.",
    ),
]
HeadOption = Annotated[
    str | None,
    typer.Option(
        "--head",
        help="Of a detector: retinanet, as published, or lite, for phones. Default: the "
        "checkpoint's, or retinanet.",
    ),
]
ImageSizeOption = Annotated[
    str | None,
    typer.Option(
        "--image-size",
        help="Input size in pixels: one side, or HEIGHTxWIDTH. Default: that to which the "
        "checkpoint's training pictures were stretched, or 448.",
    ),
]
SerialOption = Annotated[
    str | None,
    typer.Option("--serial", help="With adb: which device; see `topformer devices`."),
]
CoresOption = Annotated[
    str | None,
    typer.Option("--cores", help="On a device: big, mid, little, or a hexadecimal mask of CPUs."),
]
ModeOption = Annotated[
    str,
    typer.Option(
        "--mode", help="quick (seconds), standard (a minute or two), sustained (ten minutes)."
    ),
]
MaxStartTempOption = Annotated[
    float | None,
    typer.Option(
        "--max-start-temp",
        help="On a device: wait until it is this cool, in Celsius. Default: 37, "
        "or 60 where the chip alone tells its temperature.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")
]
CalibrationOption = Annotated[
    str | None,
    typer.Option(
        "--calibration",
        help="Pictures from which int8 learns its ranges: a folder, or a data set's key, whose "
        "training pictures are taken. Default: the bundled ones.",
    ),
]
CalibrationSizeOption = Annotated[
    int,
    typer.Option("--calibration-size", min=1, max=512, help="At most so many of them are drawn."),
]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Root folder of the data set that is named.")
]
