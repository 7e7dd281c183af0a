"""Android's public API: what Gradle's compiler sees, and what the oldest phone has.

The framework that can be had as a file has hidden parts, which end the app on phones and are not
there for Gradle's compiler. So app and tests are compiled against stubs of what is public at
compileSdk, and what the app's own classes name is then looked up in those of minSdk. What libraries
call is their own affair: they ask for the phone's version first.
"""

import shutil
from pathlib import Path

from apk.layout import ANDROID_APP, FETCHED, STUBS, AppFacts
from apk.references import find_missing
from apk.tools import run
from topformer.android.catalogue import read_versions
from topformer.errors import TopformerError

PROGRAM = Path(__file__).with_name("Stubs.java")
NEWEST, OLDEST = STUBS / "android.jar", STUBS / "oldest.jar"
_ORIGIN = STUBS / "origin"


def make_stubs(facts: AppFacts) -> None:
    """Write the stubs of both levels, unless they are there. Raises `TopformerError`."""
    versions = read_versions(ANDROID_APP)
    origin = f"{versions['r8']} {versions['android-all']} {facts} {PROGRAM.read_text()}"
    if _ORIGIN.is_file() and _ORIGIN.read_text() == origin:
        return
    shutil.rmtree(STUBS, ignore_errors=True)
    STUBS.mkdir(parents=True)
    levels = (str(facts.compile_sdk), NEWEST, str(facts.min_sdk), OLDEST)
    framework = FETCHED / "android-all.jar"
    run("java", "-cp", FETCHED / "asm.jar", PROGRAM, FETCHED / "r8.jar", framework, *levels)
    _ORIGIN.write_text(origin)


def check_public_api(facts: AppFacts, own: list[Path], libraries: list[Path]) -> str:
    """Look up all that the app's jars name. Raises `TopformerError` naming what is not there."""
    missing = find_missing(own, libraries, OLDEST)
    if missing:
        raise TopformerError(
            f"The app uses what Android of API {facts.min_sdk} does not offer to apps.",
            why="\n".join(missing),
        )
    return f"of Android: nothing that is hidden, or newer than API {facts.min_sdk}"
