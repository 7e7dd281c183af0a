"""`topformer verify`: repeat the proof of an exported file."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import JsonOption


def verify(
    file: Annotated[Path, typer.Argument(help="An exported .pte or .onnx with its .json beside.")],
    weights: Annotated[
        str | None,
        typer.Option(help="The checkpoint it was made from, to repeat the whole proof."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures of yours to add; needs --weights."),
    ] = None,
    as_json: JsonOption = False,
) -> bool:
    """Prove again that an exported file computes what its checkpoint does.

    The manifest alone is enough: it carries samples of what the float64 network answered. With
    --weights, that network is run again and everything is compared.

    Examples:

      topformer verify out/topformer-tiny-448x448-xnnpack.pte

      topformer verify model.pte --weights model.pth --images my-pictures
    """
    from topformer.verbs.verify import run

    return run(file=file, weights=weights, images=images, as_json=as_json)
