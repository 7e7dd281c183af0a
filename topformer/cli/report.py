"""`topformer report`: which file to ship, on one page."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import (
    CoresOption,
    HeadOption,
    JsonOption,
    MaxStartTempOption,
    ModeOption,
    SerialOption,
    TaskOption,
)


def report(
    size: Annotated[
        list[str] | None,
        typer.Option(help="tiny, small or base; repeat for more. Default: tiny, without --model."),
    ] = None,
    image_size: Annotated[
        list[str] | None,
        typer.Option(
            help="Input size in pixels: one side, or HEIGHTxWIDTH; repeat for more. Default: as in "
            "export."
        ),
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="What to compute with; repeat for more. Default: all that there are."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Format to export to; repeat for more. Default: all that there are."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="An exported file (.pte, .onnx), taken as it is, or a checkpoint or its name, "
            "exported as a size is; repeat for more."
        ),
    ] = None,
    task: TaskOption = None,
    head: HeadOption = None,
    dataset: Annotated[
        str | None, typer.Option(help="Key of a data set to score on: camvid, coco, folder, ...")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Root folder of the data set.")] = None,
    split: Annotated[str, typer.Option(help="train, val, test, or a name of its own.")] = "val",
    calibration: Annotated[
        str | None,
        typer.Option(
            help="Pictures from which int8 learns its ranges: a folder, or a data set's key with "
            "--data. Default: the training pictures of --dataset, else the bundled ones."
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Folder whose first three pictures are shown. Default: three of the data set's, "
            "which then are inside the page, or a bundled one."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="host (this machine), adb (an Android device) or ssh:HOST (Linux).")
    ] = "host",
    serial: SerialOption = None,
    cores: CoresOption = None,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Thread count.")] = 1,
    mode: ModeOption = "standard",
    max_start_temp: MaxStartTempOption = None,
    out: Annotated[
        Path, typer.Option(help="Folder to write to; what is there and unchanged is kept.")
    ] = Path("topformer-report"),
    as_json: JsonOption = False,
) -> bool:
    """Make, prove, score and measure files, and say on one page which to ship.

    Every combination is exported and proved, scored on the data where some is
    given, and measured in one bench. A file is worth shipping when its proof
    passed and no other file beats it in accuracy, latency and size.

    index.html shows it all on one page that needs nothing else; report.json
    says the same. Started again, it makes only what is missing or changed, and
    measures again where a row was not trusted.

    Examples:

      topformer report

      topformer report --size tiny --size small --image-size 384 --image-size 512

      topformer report --model best.safetensors --dataset camvid --data CamVid

      topformer report --model boxes.safetensors --dataset coco --data COCO

      topformer report --model a.pte --model b.pte --device adb --cores big
    """
    from topformer.verbs.report.measure import MeasureOptions
    from topformer.verbs.report.run import ReportOptions, run

    options = ReportOptions(
        sizes=tuple(size or ()),
        image_sizes=tuple(image_size or ()),
        precisions=tuple(precision or ()),
        targets=tuple(target or ()),
        models=tuple(model or ()),
        task=task,
        detection_head=head,
        dataset=dataset,
        data=data,
        split=split,
        calibration=calibration,
        pictures=pictures,
        measure=MeasureOptions(
            device=device,
            serial=serial,
            threads=threads,
            mode=mode,
            cores=cores,
            max_start_temp_c=max_start_temp,
        ),
        out=out,
    )
    return run(options, as_json=as_json)
