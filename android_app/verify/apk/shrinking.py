"""The classes of the app and its libraries as R8 shrinks them for a release, in dex files."""

import shutil
from pathlib import Path

from apk.layout import APP, FETCHED, TARGET, AppFacts
from apk.public_api import NEWEST
from apk.resources import NAMED_CLASSES
from apk.tools import run

DEX = TARGET / "dex"
# The app's own rules, which Gradle reads too, and what AGP and aapt2 add. Libraries' own are
# in their jars.
RULES = (APP / "proguard-rules.pro", Path(__file__).with_name("agp-default.pro"), NAMED_CLASSES)


def shrink(facts: AppFacts, jars: list[Path]) -> list[Path]:
    """Write dex files, and how R8 renamed things. Raises `TopformerError` when a class lacks."""
    shutil.rmtree(DEX, ignore_errors=True)
    DEX.mkdir(parents=True)
    command = ["java", "-cp", FETCHED / "r8.jar", "com.android.tools.r8.R8", "--release"]
    command += ["--min-api", str(facts.min_sdk), "--lib", NEWEST, "--output", DEX]
    command += ["--pg-map-output", DEX / "mapping.txt"]
    for rules in RULES:
        command += ["--pg-conf", rules]
    run(*command, *jars)
    return sorted(DEX.glob("*.dex"))
