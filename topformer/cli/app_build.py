"""`topformer app build`: an APK of the demo app, with Gradle or without any of Android's SDK."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.app_options import AppOption, find_sources
from topformer.cli.console import JsonOption, print_document, print_lines, stderr, warn
from topformer.errors import TopformerError, UsageError

if TYPE_CHECKING:
    from topformer.android.aar import CheckedAar
    from topformer.cli.app_document import AppRuntime

STAND_IN = (
    "its native library is a stand-in from another project: the APK shows that it can be built, "
    "and is not for a phone. Pass ExecuTorch's own archive with --aar."
)


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
        typer.Option(help="What the archive's SHA-256 must be, in place of the known one."),
    ] = None,
    folder: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Build the app, and say where the APK is.

    With Gradle it needs Gradle, a JDK and Android's SDK. With --sdk-free it needs a
    JDK, Maven, and Debian's aapt2, zipalign and apksigner, and what it fetches comes
    from Maven Central and npm. What is missing is named. What the builds say goes to
    stderr. Either APK is signed with a debug key.

    Examples:

      topformer app build

      topformer app build --sdk-free demo.apk --aar executorch-android-1.5.1.aar
    """
    from topformer.files import ensure_writable  # noqa: PLC0415

    _check_options(sdk_free, aar, aar_sha256)
    found = find_sources(folder)
    if sdk_free is not None:
        ensure_writable(sdk_free)
    models = _whole_models(found)
    if sdk_free is None:
        apk, runtime = _build_with_gradle(found)
    else:
        checked = _check_archive(found, aar, aar_sha256) if aar else None
        apk, runtime = sdk_free, _build_without_sdk(found, sdk_free, checked)
    if json:
        _print_built(apk, models, runtime)
    else:
        print_lines([apk])


def _check_options(sdk_free: Path | None, aar: Path | None, aar_sha256: str | None) -> None:
    if sdk_free is None and (aar or aar_sha256):
        raise UsageError(
            "--aar and --aar-sha256 are for --sdk-free.",
            next_step="Leave them out: Gradle fetches ExecuTorch itself.",
        )
    if aar is None and aar_sha256:
        raise UsageError("--aar-sha256 says what --aar must be, and there is no --aar.")
    if sdk_free is not None and sdk_free.suffix != ".apk":
        raise UsageError(f"{sdk_free} does not end in .apk.")


def _whole_models(app: Path) -> tuple[str, ...]:
    """Names of the models in the app; raises `TopformerError` when one is not whole."""
    from topformer.android.assets import embedded_models  # noqa: PLC0415

    models = embedded_models(app)
    for model in models:
        if model.problem:
            raise TopformerError(
                f"The model {model.name} in the app is not whole.",
                why=model.problem,
                next_step=f"Embed it again, or `topformer app remove {model.name}`.",
            )
    if not models:
        warn("no model is in the app: `topformer app embed FILE` puts one there.")
    return tuple(model.name for model in models)


def _build_with_gradle(app: Path) -> tuple[Path, AppRuntime]:
    from topformer.android.catalogue import read_versions  # noqa: PLC0415
    from topformer.android.gradle import build_apk  # noqa: PLC0415
    from topformer.cli.app_document import AppRuntime  # noqa: PLC0415

    apk = build_apk(app)
    version = read_versions(app).get("executorch")
    return apk, AppRuntime(source="gradle", version=version, sha256=None, note="")


def _check_archive(app: Path, aar: Path, sha256: str | None) -> CheckedAar:
    from topformer.android.aar import check_aar  # noqa: PLC0415
    from topformer.android.catalogue import read_versions  # noqa: PLC0415

    version = read_versions(app).get("executorch", "")
    checked = check_aar(aar, version=version, sha256=sha256)
    stderr().print(
        f"{aar}: ExecuTorch {version}, SHA-256 {checked.sha256} as "
        f"{'passed' if sha256 else 'published'}, for {', '.join(checked.abis)}",
        soft_wrap=True,
    )
    return checked


def _build_without_sdk(app: Path, out: Path, aar: CheckedAar | None) -> AppRuntime:
    from topformer.android.catalogue import read_versions  # noqa: PLC0415
    from topformer.android.sdk_free import build_without_sdk  # noqa: PLC0415
    from topformer.cli.app_document import AppRuntime  # noqa: PLC0415

    build_without_sdk(app, out, aar=aar)
    if aar is None:
        warn(STAND_IN)
        return AppRuntime(source="stand-in", version=None, sha256=None, note=STAND_IN)
    version = read_versions(app).get("executorch")
    return AppRuntime(source="aar", version=version, sha256=aar.sha256, note="")


def _print_built(apk: Path, models: tuple[str, ...], runtime: AppRuntime) -> None:
    from topformer.cli.app_document import AppBuildDocument  # noqa: PLC0415
    from topformer.files import sha256_file  # noqa: PLC0415

    print_document(
        AppBuildDocument(
            apk=str(apk),
            size_bytes=apk.stat().st_size,
            sha256=sha256_file(apk),
            models=models,
            runtime=runtime,
        )
    )
