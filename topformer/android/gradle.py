"""Build the app with Gradle: what that needs, what of it is missing, and the APK."""

from pathlib import Path

from topformer.android.catalogue import wanted_jdk
from topformer.errors import TopformerError
from topformer.toolchain.gradle import find_gradle, find_jdk, find_sdk
from topformer.toolchain.programs import Missing, refuse_missing, run_build

APK = Path("app", "build", "outputs", "apk", "release", "app-release.apk")


def build_apk(app: Path) -> Path:
    """Build the APK and return its path; what Gradle says goes to stderr.

    Raises `TopformerError` that names everything missing at once, or says that the build failed.
    """
    gradle = find_gradle(app)
    refuse_missing(gradle, find_jdk(wanted_jdk(app)), find_sdk(app), what="The app")
    assert not isinstance(gradle, Missing)
    # Its daemon would stay behind.
    command = [str(gradle), "--no-daemon", "--console=plain", "--project-dir", str(app.resolve())]
    status = run_build([*command, ":app:assembleRelease"], name="Gradle")
    apk = app / APK
    if status != 0 or not apk.is_file():
        raise TopformerError(
            "Gradle did not build the app.",
            why=f"What it said is above; its exit status is {status}."
            if status
            else f"It ended well, but {apk} is not there.",
            next_step="Open the folder android_app in Android Studio, which fetches what the SDK "
            "lacks, then try again.",
        )
    return apk
