"""Build the app with Gradle: what that needs, what of it is missing, and the APK."""

import os
import re
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from topformer.benchmarks.bundle_tools import Missing, first_line_of, refuse_missing
from topformer.benchmarks.interrupts import ctrl_c_held
from topformer.errors import TopformerError
from topformer.files import read_bytes

APK = Path("app", "build", "outputs", "apk", "debug", "app-debug.apk")
# The first build fetches Gradle, its plugins and parts of the SDK.
BUILD_TIMEOUT_S = 3600.0
END_GRACE_S = 10.0
SETTINGS_LIMIT_BYTES = 2**20
_STDERR = 2


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
    status = _run([*command, ":app:assembleDebug"])
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


def find_jdk(app: Path) -> Path | Missing:
    """Find a JDK as Gradle does, `$JAVA_HOME` first, that is as new as the app's catalogue asks."""
    wanted = _wanted_jdk(app)
    what = f"a JDK {wanted} or newer"
    remedy = f"a JDK (Debian: `apt install openjdk-{wanted}-jdk-headless`)"
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("javac", path=str(Path(home, "bin")) if home else None)
    if found is None:
        return Missing(what=f"{what} (JAVA_HOME has none)" if home else what, remedy=remedy)
    said = first_line_of(Path(found))
    version = re.fullmatch(r"javac (\d{1,4})\b.*", said)
    if version is None or int(version[1]) < wanted:
        return Missing(what=f"{what} ({found} is {said or 'broken'})", remedy=remedy)
    return Path(found)


def _wanted_jdk(app: Path) -> int:
    path = app / "gradle" / "libs.versions.toml"
    text = read_bytes(path, limit_bytes=SETTINGS_LIMIT_BYTES, kind="version catalogue")
    try:
        return int(tomllib.loads(text.decode())["versions"]["jdk"])
    except (ValueError, KeyError, TypeError) as error:
        raise TopformerError(
            f"{path} names no version of the JDK.", why=str(error), next_step="Restore the file."
        ) from error


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
    found = re.search(r"^\s*sdk\.dir\s*[=:]\s*(.+?)\s*$", data.decode(errors="replace"), re.M)
    # A backslash escapes the character after it.
    return re.sub(r"\\(.)", r"\1", found[1]) if found else None


def _run(command: Sequence[str]) -> int:
    """Run a program with its output on stderr; it is dead when this ends, however it ends."""
    process: subprocess.Popen[bytes] | None = None
    try:
        with ctrl_c_held():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,
                stderr=_STDERR,
                start_new_session=True,
            )
        return process.wait(timeout=BUILD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise TopformerError(f"Gradle took more than {BUILD_TIMEOUT_S:g} s.") from None
    except OSError as error:
        raise TopformerError("Gradle cannot be started.", why=str(error)) from error
    finally:
        if process is not None and process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program and its children to end, then kill them."""
    with ctrl_c_held(), suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=END_GRACE_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
