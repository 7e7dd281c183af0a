"""The JDK that the app is built with."""

import os
import re
import shutil
from pathlib import Path

from topformer.android.catalogue import read_versions
from topformer.benchmarks.bundle_tools import Missing, first_line_of
from topformer.errors import TopformerError


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
    try:
        return int(read_versions(app)["jdk"])
    except (KeyError, ValueError) as error:
        raise TopformerError(
            f"The catalogue of {app} names no version of the JDK.",
            why=str(error),
            next_step="Restore the file gradle/libs.versions.toml.",
        ) from error
