"""What `topformer app embed`, `list` and `remove` do: the models in the demo app."""

from pathlib import Path

from topformer.android.assets import (
    MODELS_FOLDER,
    EmbeddedModel,
    embed_model,
    embedded_models,
    remove_model,
)
from topformer.console.output import print_result
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
    print_result(_document(found), [found / MODELS_FOLDER / f"{model.name}.pte"], as_json=as_json)


def list_models(*, folder: Path | None, as_json: bool) -> bool:
    """List the models in the app; false when one is not whole."""
    document = _document(find_sources(folder))
    for model in document.models:
        _describe(model)
    if not document.models:
        stderr().print("no model is in the app: `topformer app embed FILE` puts one there")
    names = [model.name for model in document.models]
    print_result(document, names, as_json=as_json, shown=True)
    return not any(model.problem for model in document.models)


def remove(*, name: str, folder: Path | None, as_json: bool) -> None:
    """Take a model out of the app."""
    found = find_sources(folder)
    remove_model(name, found)
    print_result(_document(found), [name], as_json=as_json)


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


def _document(folder: Path) -> AppModelsDocument:
    return AppModelsDocument(app=str(folder), models=embedded_models(folder))
