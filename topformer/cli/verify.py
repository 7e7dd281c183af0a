"""`topformer verify`: repeat the proof of an exported file."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.console import (
    JsonOption,
    announce_random,
    print_document,
    print_lines,
    stage_display,
    weights_as,
)


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
    json: JsonOption = False,
) -> None:
    """Prove again that an exported file computes what its checkpoint does.

    The manifest alone is enough: it carries samples of what the float64 network answered. With
    --weights, that network is run again and everything is compared.

    Examples:

      topformer verify out/topformer-tiny-448x448-xnnpack.pte

      topformer verify model.pte --weights model.pth --images my-pictures
    """
    from topformer.cli.documents import VerifyDocument  # noqa: PLC0415
    from topformer.cli.parity import show_parity  # noqa: PLC0415
    from topformer.export.verification import verify_file  # noqa: PLC0415

    with stage_display() as show_stage, weights_as("--weights "):
        manifest, parity = verify_file(
            file, weights=weights, images_dir=images, on_progress=show_stage
        )
    assert manifest.file is not None
    show_parity(str(file), parity, manifest.model.task)
    announce_random(manifest.weights)
    if json:
        print_document(
            VerifyDocument(
                path=str(file),
                sha256=manifest.file.sha256,
                passed=parity.passed,
                random_weights=manifest.weights.is_random,
                against="weights" if weights else "manifest",
                parity=parity,
            )
        )
    else:
        print_lines([f"{file}: {'verified' if parity.passed else 'FAILED'}"], shown=True)
    raise typer.Exit(0 if parity.passed else 1)
