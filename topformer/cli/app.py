"""`topformer app`: models into the demo app, and the app onto a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from topformer.cli.console import (
    JsonOption,
    announce_random,
    print_document,
    print_lines,
    stderr,
    tell_licence,
    warn,
)

if TYPE_CHECKING:
    from topformer.android.assets import EmbeddedModel

AppOption = Annotated[
    Path | None,
    typer.Option("--app", help="The folder android_app; needed outside of a checkout."),
]
SerialOption = Annotated[
    str | None, typer.Option("--serial", help="Which device, where adb sees several.")
]
ApkOption = Annotated[Path | None, typer.Option(help="An APK; by default what `build` built.")]

app = typer.Typer(
    help="Embed models in the demo app, build it, and bring it onto a device.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
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
        find_app,
    )

    found = find_app(folder)
    model = embed_model(file, found)
    assert model.weights is not None
    tell_licence(model.weights.licence)
    announce_random(model.weights)
    if json:
        _print_models(found, embedded_models(found))
    else:
        print_lines([found / MODELS_FOLDER / f"{model.name}.pte"])


@app.command("list")
def list_models(folder: AppOption = None, json: JsonOption = False) -> None:
    """List the models in the app, and whether each is whole.

    Exits with 1 when one is not. Stdout holds the names.

    Example:

      topformer app list
    """
    from topformer.android.assets import embedded_models, find_app  # noqa: PLC0415

    found = find_app(folder)
    models = embedded_models(found)
    for model in models:
        _describe(model)
    if not models:
        stderr().print("no model is in the app: `topformer app embed FILE` puts one there")
    if json:
        _print_models(found, models)
    else:
        print_lines(model.name for model in models)
    raise typer.Exit(1 if any(model.problem for model in models) else 0)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="A name that `list` prints.")],
    folder: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Take a model out of the app.

    Example:

      topformer app remove topformer-tiny-448x448-xnnpack
    """
    from topformer.android.assets import embedded_models, find_app, remove_model  # noqa: PLC0415

    found = find_app(folder)
    remove_model(name, found)
    if json:
        _print_models(found, embedded_models(found))
    else:
        print_lines([name])


@app.command()
def build(folder: AppOption = None, json: JsonOption = False) -> None:
    """Build the app with Gradle, and say where the APK is.

    It needs Gradle, a JDK and Android's SDK; what is missing is named. Gradle's
    own words go to stderr.

    Example:

      topformer app build
    """
    from topformer.android.assets import embedded_models, find_app  # noqa: PLC0415
    from topformer.android.gradle import build_apk  # noqa: PLC0415
    from topformer.cli.app_document import AppBuildDocument  # noqa: PLC0415
    from topformer.errors import TopformerError  # noqa: PLC0415
    from topformer.files import sha256_file  # noqa: PLC0415

    found = find_app(folder)
    models = embedded_models(found)
    for model in models:
        if model.problem:
            raise TopformerError(
                f"The model {model.name} in the app is not whole.",
                why=model.problem,
                next_step=f"Embed it again, or `topformer app remove {model.name}`.",
            )
    if not models:
        warn("no model is in the app: `topformer app embed FILE` puts one there.")
    apk = build_apk(found)
    if json:
        print_document(
            AppBuildDocument(
                apk=str(apk),
                size_bytes=apk.stat().st_size,
                sha256=sha256_file(apk),
                models=tuple(model.name for model in models),
            )
        )
    else:
        print_lines([apk])


@app.command()
def install(
    apk: ApkOption = None,
    serial: SerialOption = None,
    folder: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Install the app on a device, over an older one.

    Examples:

      topformer app install

      topformer app install --apk topformer-demo.apk --serial emulator-5554
    """
    from topformer.android.assets import find_app  # noqa: PLC0415
    from topformer.android.device import install_app  # noqa: PLC0415
    from topformer.android.gradle import APK  # noqa: PLC0415
    from topformer.benchmarks.devices.adb import choose_devices, connect  # noqa: PLC0415

    chosen = apk or find_app(folder) / APK
    (device,) = choose_devices(serial, all_devices=False)
    with stderr().status(f"installing on {device.serial}"):
        install_app(connect(device), chosen)
    _print_done("installed", device.serial, as_json=json)


@app.command()
def run(serial: SerialOption = None, json: JsonOption = False) -> None:
    """Start the app on a device that has it.

    Example:

      topformer app run
    """
    from topformer.android.device import start_app  # noqa: PLC0415
    from topformer.benchmarks.devices.adb import choose_devices, connect  # noqa: PLC0415

    (device,) = choose_devices(serial, all_devices=False)
    start_app(connect(device))
    _print_done("started", device.serial, as_json=json)


def _describe(model: EmbeddedModel) -> None:
    if model.problem or not (model.file and model.weights and model.image_size):
        stderr().print(f"{model.name}: {model.problem}", markup=False, soft_wrap=True)
        return
    height, width = model.image_size
    drawn = "RANDOM weights" if model.weights.is_random else model.weights.name
    stderr().print(
        f"{model.name}: {height}x{width}, {model.file.size_bytes / 1e6:.1f} MB, {drawn}, "
        f"licence: {model.weights.licence}",
        markup=False,
        soft_wrap=True,
    )


def _print_models(folder: Path, models: tuple[EmbeddedModel, ...]) -> None:
    from topformer.cli.app_document import AppModelsDocument  # noqa: PLC0415

    print_document(AppModelsDocument(app=str(folder), models=models))


def _print_done(done: Literal["installed", "started"], serial: str, *, as_json: bool) -> None:
    from topformer.android.device import PACKAGE  # noqa: PLC0415
    from topformer.cli.app_document import AppDeviceDocument  # noqa: PLC0415

    if as_json:
        print_document(AppDeviceDocument(done=done, serial=serial, package=PACKAGE))
    else:
        print_lines([f"{serial}: {done}"])
