"""`topformer app`: models into the demo app, and the app onto a device."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import JsonOption

app = typer.Typer(
    help="Embed models in the demo app, build it, and bring it onto a device.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AppOption = Annotated[
    Path | None,
    typer.Option("--app", help="The folder android_app; needed outside of a checkout."),
]
SerialOption = Annotated[
    str | None, typer.Option("--serial", help="Which device, where adb sees several.")
]
ApkOption = Annotated[Path | None, typer.Option(help="An APK; by default what `build` built.")]


@app.command()
def embed(
    file: Annotated[Path, typer.Argument(help="An exported .pte with its .json beside.")],
    folder: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a model into the app, with its manifest and an input to check itself with.

    One of the same name is replaced. The file's hash must be its manifest's.

    Example:

      topformer app embed out/topformer-tiny-448x448-xnnpack.pte
    """
    from topformer.verbs.app import models

    models.embed(file=file, folder=folder, as_json=as_json)


@app.command("list")
def list_models(folder: AppOption = None, as_json: JsonOption = False) -> bool:
    """List the models in the app, and whether each is whole.

    Exits with 1 when one is not. Stdout holds the names.

    Example:

      topformer app list
    """
    from topformer.verbs.app import models

    return models.list_models(folder=folder, as_json=as_json)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="A name that `list` prints.")],
    folder: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a model out of the app.

    Example:

      topformer app remove topformer-tiny-448x448-xnnpack
    """
    from topformer.verbs.app import models

    models.remove(name=name, folder=folder, as_json=as_json)


@app.command()
def build(
    sdk_free: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.apk",
            help="Build without Gradle and without Android's SDK, and put the APK here.",
        ),
    ] = None,
    aar: Annotated[
        Path | None,
        typer.Option(
            help="With --sdk-free: ExecuTorch's own archive, executorch-android-VERSION.aar from "
            "Maven Central. Without it the native library is a stand-in."
        ),
    ] = None,
    aar_sha256: Annotated[
        str | None,
        typer.Option(help="The archive's SHA-256, which you confirm; without it, it is told."),
    ] = None,
    folder: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the app, and say where the APK is.

    With Gradle it needs Gradle, a JDK and Android's SDK. With --sdk-free it needs a
    JDK, Maven, and Debian's aapt2, zipalign and apksigner, and what it fetches comes
    from Maven Central and npm. What is missing is named. What the builds say goes to
    stderr. Either APK is a release build, shrunk by R8, and signed with a debug key where
    Gradle's properties name none of your own.

    Examples:

      topformer app build

      topformer app build --sdk-free demo.apk --aar executorch-android-1.5.1.aar \
        --aar-sha256 HASH
    """
    from topformer.verbs.app.build import run

    run(sdk_free=sdk_free, aar=aar, aar_sha256=aar_sha256, folder=folder, as_json=as_json)


@app.command()
def install(
    apk: ApkOption = None,
    serial: SerialOption = None,
    folder: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Install the app on a device, over an older one.

    Examples:

      topformer app install

      topformer app install --apk topformer-demo.apk --serial emulator-5554
    """
    from topformer.verbs.app import device

    device.install(apk=apk, serial=serial, folder=folder, as_json=as_json)


@app.command()
def run(serial: SerialOption = None, as_json: JsonOption = False) -> None:
    """Start the app on a device that has it.

    Example:

      topformer app run
    """
    from topformer.verbs.app import device

    device.start(serial=serial, as_json=as_json)
