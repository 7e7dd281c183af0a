"""`topformer app embed | list | remove`: the models in the demo app."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.app_options import AppOption, find_sources
from topformer.cli.console import (
    JsonOption,
    announce_random,
    print_document,
    print_lines,
    stderr,
    tell_licence,
)

if TYPE_CHECKING:
    from topformer.android.assets import EmbeddedModel


def embed(
    file: Annotated[Path, typer.Argument(help="An exported .pte with its .json beside.")],
    folder: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Put a model into the app, with its manifest and an input to check itself with.

    One of the same name is replaced. The file's hash must be its manifest's.

    Example:

      topformer app embed out/topformer-tiny-448x448-xnnpack.pte
    """
    from topformer.android.assets import (  # noqa: PLC0415
        MODELS_FOLDER,
        embed_model,
        embedded_models,
    )

    found = find_sources(folder)
    model = embed_model(file, found)
    assert model.weights is not None
    tell_licence(model.weights.licence)
    announce_random(model.weights)
    if json:
        _print_models(found, embedded_models(found))
    else:
        print_lines([found / MODELS_FOLDER / f"{model.name}.pte"])


def list_models(folder: AppOption = None, json: JsonOption = False) -> None:
    """List the models in the app, and whether each is whole.

    Exits with 1 when one is not. Stdout holds the names.

    Example:

      topformer app list
    """
    from topformer.android.assets import embedded_models  # noqa: PLC0415

    found = find_sources(folder)
    models = embedded_models(found)
    for model in models:
        _describe(model)
    if not models:
        stderr().print("no model is in the app: `topformer app embed FILE` puts one there")
    if json:
        _print_models(found, models)
    else:
        print_lines((model.name for model in models), shown=True)
    raise typer.Exit(1 if any(model.problem for model in models) else 0)


def remove(
    name: Annotated[str, typer.Argument(help="A name that `list` prints.")],
    folder: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Take a model out of the app.

    Example:

      topformer app remove topformer-tiny-448x448-xnnpack
    """
    from topformer.android.assets import embedded_models, remove_model  # noqa: PLC0415

    found = find_sources(folder)
    remove_model(name, found)
    if json:
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
    from topformer.cli.app_document import AppModelsDocument  # noqa: PLC0415

    print_document(AppModelsDocument(app=str(folder), models=models))
