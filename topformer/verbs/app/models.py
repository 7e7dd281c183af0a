"""What `topformer app embed`, `list` and `remove` do: the models in the demo app."""

from pathlib import Path

from topformer.android.assets import (
    MODELS_FOLDER,
    EmbeddedModel,
    embed_model,
    embedded_models,
    remove_model,
)
from topformer.console.output import print_document, print_lines
from topformer.console.screen import stderr
from topformer.console.weights import announce_random, tell_licence
from topformer.verbs.app.document import AppModelsDocument
from topformer.verbs.app.sources import find_sources


def embed(*, file: Path, folder: Path | None, as_json: bool) -> None:
    """Put a model into the app, in place of one of the same name."""
    found = find_sources(folder)
    model = embed_model(file, found)
    assert model.weights is not None
    tell_licence(model.weights.licence)
    announce_random(model.weights)
    if as_json:
        _print_models(found, embedded_models(found))
    else:
        print_lines([found / MODELS_FOLDER / f"{model.name}.pte"])


def list_models(*, folder: Path | None, as_json: bool) -> bool:
    """List the models in the app; false when one is not whole."""
    found = find_sources(folder)
    models = embedded_models(found)
    for model in models:
        _describe(model)
    if not models:
        stderr().print("no model is in the app: `topformer app embed FILE` puts one there")
    if as_json:
        _print_models(found, models)
    else:
        print_lines((model.name for model in models), shown=True)
    return not any(model.problem for model in models)


def remove(*, name: str, folder: Path | None, as_json: bool) -> None:
    """Take a model out of the app."""
    found = find_sources(folder)
    remove_model(name, found)
    if as_json:
        _print_models(found, embedded_models(found))
    else:
        print_lines([name])


def _describe(model: EmbeddedModel) -> None:
    if model.problem or not (model.file and model.weights and model.image_size):
        stderr().print(f"{model.name}: {model.problem}", soft_wrap=True)
        return
    height, width = model.image_size
    drawn = "RANDOM weights" if model.weights.is_random else model.weights.name
    stderr().print(
        f"{model.name}: {height}x{width}, {model.file.size_bytes / 1e6:.1f} MB, {drawn}, "
        f"licence: {model.weights.licence}",
        soft_wrap=True,
    )


def _print_models(folder: Path, models: tuple[EmbeddedModel, ...]) -> None:
    print_document(AppModelsDocument(app=str(folder), models=models))
