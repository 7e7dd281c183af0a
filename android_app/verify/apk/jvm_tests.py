"""The JVM tests that Maven has run: how many, and which were skipped."""

import shutil
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from apk.layout import MODULES, VERIFY
from topformer.errors import TopformerError

REPORTS = tuple(VERIFY / module / "target/surefire-reports" for module in MODULES)


@dataclass(frozen=True, kw_only=True)
class TestCount:
    """What the reports say."""

    ran: int
    # As Class.test.
    skipped: tuple[str, ...]


def forget_reports() -> None:
    """Remove the reports of earlier builds."""
    for folder in REPORTS:
        shutil.rmtree(folder, ignore_errors=True)


def count_tests(folders: tuple[Path, ...] = REPORTS) -> TestCount:
    """Read the reports; raises `TopformerError` for a module that ran none."""
    ran = 0
    skipped: list[str] = []
    for folder in folders:
        cases = [
            case for path in folder.glob("TEST-*.xml") for case in ET.parse(path).iter("testcase")
        ]
        left_out = [case for case in cases if case.find("skipped") is not None]
        if len(cases) == len(left_out):
            raise TopformerError(f"No test was run in {folder}.")
        ran += len(cases) - len(left_out)
        skipped += [f"{case.get('classname')}.{case.get('name')}" for case in left_out]
    return TestCount(ran=ran, skipped=tuple(sorted(skipped)))
