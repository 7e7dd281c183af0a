"""`topformer schema`: the JSON schema of what this toolchain writes."""

from importlib import import_module
from typing import Annotated

import typer

from topformer.cli.console import print_lines
from topformer.errors import UsageError

# Where each document is defined; imported when asked for.
DOCUMENTS = {
    "manifest": "topformer.manifest:Manifest",
    "data-check": "topformer.cli.data_document:DataCheckDocument",
    "train": "topformer.cli.train_document:TrainDocument",
    "recipe": "topformer.training.recipe:Recipe",
    "eval": "topformer.cli.eval_document:EvalDocument",
    "models": "topformer.cli.documents:ModelsDocument",
    "export": "topformer.cli.documents:ExportDocument",
    "verify": "topformer.cli.documents:VerifyDocument",
    "predict": "topformer.cli.documents:PredictDocument",
    "runner-build": "topformer.cli.runner_document:RunnerBuildDocument",
    "runner-run": "topformer.benchmarks.documents.runner:RunnerRun",
    "devices": "topformer.cli.devices_document:DevicesDocument",
    "bench": "topformer.benchmarks.documents.bench:BenchDocument",
    "compare": "topformer.benchmarks.documents.comparison:CompareDocument",
    "inspect": "topformer.cli.inspect_document:InspectDocument",
    "app-models": "topformer.cli.app_document:AppModelsDocument",
    "app-build": "topformer.cli.app_document:AppBuildDocument",
    "app-device": "topformer.cli.app_document:AppDeviceDocument",
    "doctor": "topformer.cli.documents:DoctorDocument",
    "error": "topformer.cli.documents:ErrorDocument",
}


def schema(
    document: Annotated[str, typer.Argument(help=f"One of {', '.join(DOCUMENTS)}.")],
) -> None:
    """Print the JSON schema of a manifest, or of the document that a verb prints.

    Example:

      topformer schema manifest > manifest.schema.json
    """
    if document not in DOCUMENTS:
        raise UsageError(
            f"There is no document called {document!r}.",
            next_step=f"Choose one of {', '.join(DOCUMENTS)}.",
        )
    import msgspec  # noqa: PLC0415

    module, name = DOCUMENTS[document].split(":")
    described = msgspec.json.schema(getattr(import_module(module), name))
    text = msgspec.json.format(msgspec.json.encode(described), indent=2).decode()
    print_lines(text.splitlines())
