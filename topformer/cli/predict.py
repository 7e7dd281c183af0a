"""`topformer predict`: pictures to overlays, results and a table of what was found."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import ClassesOption, ImageSizeOption, JsonOption


def predict(
    pictures: Annotated[
        list[Path], typer.Argument(help="Pictures, and folders whose pictures are taken.")
    ],
    model: Annotated[
        str, typer.Option(help="A .pte, .onnx, .pth or .safetensors file, or a name.")
    ] = "tiny",
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    image_size: ImageSizeOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Of a detector: boxes must score more than this. Default: 0.3 to be drawn, the "
            "manifest's (0.05) to be in the results.",
        ),
    ] = None,
    classes: ClassesOption = None,
    as_json: JsonOption = False,
) -> bool:
    """Run a model on pictures, and show what was found where.

    Of a model that segments, each picture gives NAME.overlay.png, the classes in
    colour with a legend, and NAME.labels.png, whose values are the class ids, both
    at its own size. Above 16.8 million pixels the overlay is smaller.

    Of a detector it gives NAME.overlay.png with boxes, names and scores, and
    NAME.boxes.json, which are COCO results: `jq -s add out/*.boxes.json` joins
    those of many pictures. image_id is the number that NAME is, where the names of
    all pictures are numbers, else the place of the picture, from 1; category_id is
    COCO's for COCO's classes, else the class id and 1.

    Names that are too long for a file are shortened.

    A picture that cannot be read, or whose results cannot be written, is
    reported, and the others go on; the command then exits with 1.

    Examples:

      topformer predict photo.jpg --model topformer-tiny-448x448-xnnpack.pte

      topformer predict street.jpg --model detector.pte --threshold 0.4

      topformer predict holiday/ --model model.pth --image-size 512 --out found
    """
    from topformer.verbs.predict.run import run

    return run(
        pictures=pictures,
        model=model,
        out=out,
        image_size=image_size,
        threshold=threshold,
        classes=classes,
        as_json=as_json,
    )
