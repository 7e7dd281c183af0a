"""`python -m apk [--aar FILE]`: every step, from what is fetched to the checked APK."""

import argparse
import os
import shutil
import sys
from itertools import product
from pathlib import Path

from apk.androidx import FETCHED_ARCHIVES, unpack_androidx
from apk.executorch_api import check_executorch_api
from apk.inspection import inspect_apk
from apk.jars import library_jars, own_jars
from apk.jvm_tests import TestCount, count_tests, forget_reports
from apk.layout import ANDROID_APP, APK, MODULES, VERIFY, read_app_facts
from apk.packing import make_apk
from apk.public_api import check_public_api, make_stubs
from apk.resources import link_resources
from apk.runtime import unpack_runtime
from apk.shrinking import shrink
from apk.tools import require, run
from topformer.android.catalogue import read_versions
from topformer.android.sdk_free import PACKAGES
from topformer.errors import TopformerError


def build(aar: Path | None, *, tested: bool) -> None:
    """Make and check the APK. Raises `TopformerError` at the first step that fails."""
    facts = read_app_facts()
    maven = (VERIFY / "mvn", "--quiet", "--batch-mode")
    _say("Tools and Android archives")
    require({**PACKAGES, "javac": f"openjdk-{read_versions(ANDROID_APP)['jdk']}-jdk-headless"})
    shutil.rmtree(FETCHED_ARCHIVES, ignore_errors=True)
    run(*maven, "-pl", "fetched", "process-resources")
    unpack_runtime(aar, facts.abis)
    unpack_androidx()
    make_stubs(facts)
    _say("Resources and manifest")
    link_resources(facts)
    _say("Kotlin, and its tests" if tested else "Kotlin")
    forget_reports()
    # Maven leaves classes there whose source is gone.
    for module, kind in product(MODULES, ("classes", "test-classes")):
        shutil.rmtree(VERIFY / module / "target" / kind, ignore_errors=True)
    run(*maven, "verify" if tested else "process-classes")
    _say("What the app calls")
    own, libraries = own_jars(), library_jars()
    _say(f"  {check_public_api(facts, own, libraries)}")
    _say(f"  {check_executorch_api(own, libraries)}")
    _say("Shrinking, package, alignment, signature")
    make_apk(facts, shrink(facts, [*own, *libraries]), APK)
    _say("The finished APK, opened again")
    for line in inspect_apk(facts, APK):
        _say(f"  {line}")
    if tested:
        _tell_tests(count_tests())
    sys.stdout.write(f"{APK}\n")


def _tell_tests(count: TestCount) -> None:
    _say(f"{count.ran} JVM tests passed, {len(count.skipped)} were skipped")
    if count.skipped and os.environ.get("CI"):
        raise TopformerError("No test may be skipped here.", why=", ".join(count.skipped))
    for name in count.skipped:
        _say(f"  skipped: {name}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """The command line. Its exit status is 0, 1 when a step fails, or 3 without the programs."""
    parser = argparse.ArgumentParser(prog="python -m apk", description=__doc__)
    parser.add_argument("--aar", type=Path, help="ExecuTorch's own Android archive")
    parser.add_argument("--without-tests", action="store_true", help="compile, but run no test")
    arguments = parser.parse_args()
    try:
        build(arguments.aar, tested=not arguments.without_tests)
    except TopformerError as error:
        _say(str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
