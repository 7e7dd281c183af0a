"""What the demo app is built with: a JDK, Gradle and Android's SDK."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from topformer.files import read_bytes
from topformer.toolchain.programs import Missing, first_line_of

SETTINGS_LIMIT_BYTES = 2**20


def find_jdk(wanted: int) -> Path | Missing:
    """Find a JDK of at least a version as Gradle does, `$JAVA_HOME` first."""
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
    with suppress(OSError):  # as for a name that is too long
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
