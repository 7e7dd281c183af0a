"""`topformer schema`: the JSON schema of what this toolchain writes."""

from typing import Annotated

import typer

from topformer.errors import UsageError

# Where each document is defined; imported when asked for.
DOCUMENTS = {
    "manifest": "topformer.manifest:Manifest",
    "data-check": "topformer.verbs.data.document:DataCheckDocument",
    "box-data-check": "topformer.verbs.data.boxes.document:BoxDataCheckDocument",
    "train": "topformer.verbs.train.run:TrainDocument",
    "recipe": "topformer.training.recipe:Recipe",
    "eval": "topformer.verbs.eval.document:EvalDocument",
    "evals": "topformer.verbs.eval.document:EvalsDocument",
    "box-eval": "topformer.verbs.eval.boxes.document:BoxEvalDocument",
    "box-evals": "topformer.verbs.eval.boxes.document:BoxEvalsDocument",
    "models": "topformer.verbs.models:ModelsDocument",
    "export": "topformer.verbs.export:ExportDocument",
    "verify": "topformer.verbs.verify:VerifyDocument",
    "sensitivity": "topformer.verbs.sensitivity.document:SensitivityDocument",
    "predict": "topformer.verbs.predict.document:PredictDocument",
    "box-predict": "topformer.verbs.predict.document:BoxPredictDocument",
    "runner-build": "topformer.verbs.runner:RunnerBuildDocument",
    "runner-run": "topformer.benchmarks.documents.runner:RunnerRun",
    "devices": "topformer.verbs.devices:DevicesDocument",
    "bench": "topformer.benchmarks.documents.bench:BenchDocument",
    "compare": "topformer.benchmarks.documents.comparison:CompareDocument",
    "report": "topformer.verbs.report.document:ReportDocument",
    "inspect": "topformer.verbs.inspect:InspectDocument",
    "app-models": "topformer.verbs.app.document:AppModelsDocument",
    "app-build": "topformer.verbs.app.document:AppBuildDocument",
    "app-device": "topformer.verbs.app.document:AppDeviceDocument",
    "doctor": "topformer.verbs.doctor:DoctorDocument",
    "error": "topformer.console.output:ErrorDocument",
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
    from topformer.verbs.schema import run

    module, name = DOCUMENTS[document].split(":")
    run(module=module, name=name)
