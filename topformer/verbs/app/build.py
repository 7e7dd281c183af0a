"""What `topformer app build` does: an APK, with Gradle or without any of Android's SDK."""

from pathlib import Path

from topformer.android.aar import CheckedAar, check_aar
from topformer.android.assets import embedded_models
from topformer.android.catalogue import read_versions
from topformer.android.gradle import build_apk
from topformer.android.sdk_free import build_without_sdk
from topformer.console.output import print_result, warn
from topformer.console.screen import stderr
from topformer.errors import TopformerError, UsageError
from topformer.files import ensure_writable, sha256_file
from topformer.locks import only_run_in
from topformer.verbs.app.document import AppBuildDocument, AppRuntime
from topformer.verbs.app.sources import find_sources

STAND_IN = (
    "its native library is a stand-in from another project: the APK shows that it can be built, "
    "and is not for a phone. Pass ExecuTorch's own archive with --aar."
)


def run(
    *,
    sdk_free: Path | None,
    aar: Path | None,
    aar_sha256: str | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Build the app in a folder, or in the checkout, and print where the APK is.

    With `sdk_free` it is put there, and built without Gradle. Raises `UsageError` for what does
    not fit, and `TopformerError` when a model in the app is not whole.
    """
    _check_options(sdk_free, aar, aar_sha256)
    found = find_sources(folder)
    if sdk_free is not None:
        ensure_writable(sdk_free)
    with only_run_in(found):  # no model comes or goes meanwhile
        models = _whole_models(found)
        if sdk_free is None:
            apk, runtime = _build_with_gradle(found)
        else:
            checked = _check_archive(found, aar, aar_sha256) if aar else None
            apk, runtime = sdk_free, _build_without_sdk(found, sdk_free, checked)
    document = AppBuildDocument(
        apk=str(apk),
        size_bytes=apk.stat().st_size,
        sha256=sha256_file(apk),
        models=models,
        runtime=runtime,
    )
    print_result(document, [apk], as_json=as_json)


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
    apk = build_apk(app)
    version = read_versions(app).get("executorch")
    return apk, AppRuntime(source="gradle", version=version, sha256=None, note="")


def _check_archive(app: Path, aar: Path, sha256: str | None) -> CheckedAar:
    version = read_versions(app).get("executorch", "")
    checked = check_aar(aar, version=version, sha256=sha256)
    stderr().print(
        f"{aar}: ExecuTorch {version}, SHA-256 {checked.sha256} as confirmed, "
        f"for {', '.join(checked.abis)}",
        soft_wrap=True,
    )
    return checked


def _build_without_sdk(app: Path, out: Path, aar: CheckedAar | None) -> AppRuntime:
    build_without_sdk(app, out, aar=aar)
    if aar is None:
        warn(STAND_IN)
        return AppRuntime(source="stand-in", version=None, sha256=None, note=STAND_IN)
    version = read_versions(app).get("executorch")
    return AppRuntime(source="aar", version=version, sha256=aar.sha256, note="")
