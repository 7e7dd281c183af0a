"""`topformer schema`: the JSON schema of what this toolchain writes."""

from importlib import import_module
from typing import Annotated

import msgspec
import typer

from topformer.cli.console import print_lines
from topformer.errors import UsageError

# Where each document is defined; imported when asked for.
DOCUMENTS = {
    "manifest": "topformer.manifest:Manifest",
    "models": "topformer.cli.models:ModelsDocument",
    "export": "topformer.cli.export:ExportDocument",
    "verify": "topformer.cli.verify:VerifyDocument",
    "predict": "topformer.cli.predict:PredictDocument",
    "bench": "topformer.benchmarks.documents:BenchDocument",
    "inspect": "topformer.cli.inspect_document:InspectDocument",
    "doctor": "topformer.cli.doctor:DoctorDocument",
    "error": "topformer.cli.console:ErrorDocument",
}


def schema(
    document: Annotated[str, typer.Argument(help=f"One of {', '.join(DOCUMENTS)}.")],
) -> None:
    """Print the JSON schema of a manifest, or of what a verb prints with --json.

    [bold]Example[/bold]

      topformer schema manifest > manifest.schema.json
    """
    if document not in DOCUMENTS:
        raise UsageError(
            f"There is no document called {document!r}.",
            next_step=f"Choose one of {', '.join(DOCUMENTS)}.",
        )
    module, name = DOCUMENTS[document].split(":")
    described = msgspec.json.schema(getattr(import_module(module), name))
    print_lines([msgspec.json.format(msgspec.json.encode(described), indent=2).decode()])
