"""`topformer predict`: pictures to overlays, label maps and a table of the classes found."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import ClassesOption, JsonOption


def predict(
    pictures: Annotated[
        list[Path], typer.Argument(help="Pictures, and folders whose pictures are taken.")
    ],
    model: Annotated[
        str, typer.Option(help="A .pte, .onnx, .pth or .safetensors file, or a name.")
    ] = "tiny",
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    image_size: Annotated[
        str | None,
        typer.Option(help="Input size for a checkpoint: one side, or HEIGHTxWIDTH. Default: 448."),
    ] = None,
    classes: ClassesOption = None,
    as_json: JsonOption = False,
) -> bool:
    """Segment pictures, and show what was found where.

    Each picture gives NAME.overlay.png, the classes in colour with a legend,
    and NAME.labels.png, whose values are the class ids, both at its own size.
    Above 16.8 million pixels the overlay is smaller.
    Names that are too long for a file are shortened.

    A picture that cannot be read, or whose results cannot be written, is
    reported, and the others go on; the command then exits with 1.

    Examples:

      topformer predict photo.jpg --model topformer-tiny-448x448-xnnpack.pte

      topformer predict holiday/ --model model.pth --image-size 512 --out found
    """
    from topformer.verbs.predict import run

    return run(
        pictures=pictures,
        model=model,
        out=out,
        image_size=image_size,
        classes=classes,
        as_json=as_json,
    )
