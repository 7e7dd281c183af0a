"""`topformer inspect`: what is inside a model file."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import JsonOption


def inspect(
    file: Annotated[
        str, typer.Argument(help="A .pte, .onnx, .pth or .safetensors file, or a name.")
    ],
    profile: Annotated[
        bool, typer.Option("--profile", help="Run it and show the time per operator.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Where to draw the profile. Default: NAME.profile.png.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a file's manifest, graph, delegates and memory plan.

    Examples:

      topformer inspect out/topformer-tiny-448x448-xnnpack.pte

      topformer inspect model.onnx --profile
    """
    from topformer.verbs.inspect import run

    run(file=file, profile=profile, plot=plot, as_json=as_json)
