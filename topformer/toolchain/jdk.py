"""Java's compiler."""

import os
import re
import shutil
from pathlib import Path

from topformer.toolchain.programs import Missing, first_line_of


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
