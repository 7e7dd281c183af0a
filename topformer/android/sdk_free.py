"""Build the app without Gradle and without Android's SDK: its own pipeline, `verify/`, is run."""

import os
import shutil
import sys
from pathlib import Path

from topformer.android.aar import CheckedAar
from topformer.android.catalogue import wanted_jdk
from topformer.errors import TopformerError, UsageError
from topformer.files import atomic_path
from topformer.toolchain.gradle import find_jdk
from topformer.toolchain.programs import Missing, refuse_missing, run_build

PIPELINE = Path("verify")
BUILT = PIPELINE / "target" / "topformer-demo.apk"
# Programs of the pipeline, and the Debian packages that have them.
PACKAGES = {"aapt2": "aapt", "zipalign": "zipalign", "apksigner": "apksigner", "mvn": "maven"}
# Fetches the stand-in for ExecuTorch's native library.
NPM = {"npm": "npm"}


def build_without_sdk(app: Path, out: Path, *, aar: CheckedAar | None) -> None:
    """Build, sign and inspect an APK, and place it; what the pipeline says goes to stderr.

    Without an archive of ExecuTorch the native library is a stand-in, and the APK is not for a
    phone. Raises `TopformerError` that names everything missing at once, or says what failed.
    """
    pipeline = (app / PIPELINE).resolve()
    if not (pipeline / "apk" / "__main__.py").is_file():
        raise UsageError(
            f"{app} has no folder {PIPELINE} to build without an SDK.",
            next_step="Pass the folder android_app of a current checkout with --app.",
        )
    jdk = find_jdk(wanted_jdk(app))
    refuse_missing(jdk, *_missing_programs(aar), what="The app")
    assert not isinstance(jdk, Missing)
    command = [sys.executable, "-m", "apk", "--without-tests"]
    if aar is not None:
        command += ["--aar", str(aar.path)]
    # The JDK that was found, for all that the pipeline starts.
    home = str(jdk.resolve().parents[1])
    environment = {
        **os.environ,
        "JAVA_HOME": home,
        "PATH": os.pathsep.join((str(jdk.parent), os.environ.get("PATH", os.defpath))),
    }
    status = run_build(
        command, name="The build without an SDK", folder=pipeline, environment=environment
    )
    built = app / BUILT
    if status != 0 or not built.is_file():
        raise TopformerError(
            "The app was not built.",
            why=f"What went wrong is said above; the exit status is {status}.",
        )
    with atomic_path(out) as part:
        shutil.copyfile(built, part)


def _missing_programs(aar: CheckedAar | None) -> list[Missing]:
    wanted = PACKAGES if aar is not None else {**PACKAGES, **NPM}
    return [
        Missing(what=program, remedy=f"{program} (Debian: `apt install {package}`)")
        for program, package in wanted.items()
        if shutil.which(program) is None
    ]
