"""Build the app with Gradle: what that needs, what of it is missing, and the APK."""

import os
import re
import shutil
from pathlib import Path

from topformer.android.jdk import find_jdk
from topformer.android.programs import run_build
from topformer.benchmarks.bundle_tools import Missing, refuse_missing
from topformer.errors import TopformerError
from topformer.files import read_bytes

APK = Path("app", "build", "outputs", "apk", "debug", "app-debug.apk")
SETTINGS_LIMIT_BYTES = 2**20


def build_apk(app: Path) -> Path:
    """Build the APK and return its path; what Gradle says goes to stderr.

    Raises `TopformerError` that names everything missing at once, or says that the build failed.
    """
    gradle = find_gradle(app)
    missing = [
        entry for entry in (gradle, find_jdk(app), find_sdk(app)) if isinstance(entry, Missing)
    ]
    refuse_missing(missing, what="The app")
    assert not isinstance(gradle, Missing)
    # Its daemon would stay behind.
    command = [str(gradle), "--no-daemon", "--console=plain", "--project-dir", str(app.resolve())]
    status = run_build([*command, ":app:assembleDebug"], name="Gradle")
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


def find_gradle(app: Path) -> Path | Missing:
    """Find the app's own Gradle wrapper where there is one, else Gradle on the PATH."""
    wrapper = app.resolve() / "gradlew"
    if os.access(wrapper, os.X_OK) and (app / "gradle/wrapper/gradle-wrapper.jar").is_file():
        return wrapper
    found = shutil.which("gradle")
    if found:
        return Path(found)
    return Missing(what="Gradle", remedy="Gradle (https://gradle.org/install)")


def find_sdk(app: Path) -> Path | Missing:
    """Find Android's SDK as Gradle does: local.properties first, then the environment."""
    named = _sdk_in_properties(app / "local.properties")
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        named = named or os.environ.get(name)
    if named and Path(named).is_dir():
        return Path(named)
    why = f"{named} is not a folder" if named else "ANDROID_HOME is not set"
    return Missing(
        what=f"Android's SDK ({why})",
        remedy="Android Studio or its command line tools (https://developer.android.com/studio), "
        "and set ANDROID_HOME to the SDK",
    )


def _sdk_in_properties(path: Path) -> str | None:
    if not path.is_file():
        return None
    data = read_bytes(path, limit_bytes=SETTINGS_LIMIT_BYTES, kind="properties file")
    found = re.search(r"^\s*sdk\.dir\s*[=:]\s*(.+?)\s*$", data.decode("utf-8-sig", "replace"), re.M)
    # A backslash escapes the character after it.
    return re.sub(r"\\(.)", r"\1", found[1]) if found else None
