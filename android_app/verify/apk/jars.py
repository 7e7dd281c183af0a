"""The app's compiled classes and those of its libraries, as jars, which R8's programs take."""

import shutil
from pathlib import Path

from apk.androidx import JAR
from apk.layout import LINKED, MODULES, RUNTIME, TARGET, VERIFY
from apk.tools import run


def own_jars() -> list[Path]:
    """Make a jar of the classes of each module."""
    folder = TARGET / "jars"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for module in MODULES:
        classes = VERIFY / module / "target/classes"
        run("jar", "--create", "--file", folder / f"{module}.jar", "-C", classes, ".")
    return sorted(folder.glob("*.jar"))


def library_jars() -> list[Path]:
    """Return what the app has on the device beside its own: Maven's dependencies, and others."""
    listed = [Path(entry) for entry in (TARGET / "runtime-classpath").read_text().split(":")]
    maven = [entry for entry in listed if entry.is_file() and VERIFY not in entry.parents]
    return [
        *maven,
        JAR,
        LINKED / "resources.jar",
        RUNTIME / "executorch.jar",
        RUNTIME / "fbjni.jar",
    ]
