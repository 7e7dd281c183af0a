"""The kept pictures of the app's screens: each is compared by some test, and they stay small."""

import re
from pathlib import Path

ANDROID_APP = Path(__file__).parents[2] / "android_app"
KEPT = ANDROID_APP / "app/src/test/screens"
MOST_BYTES = 2_500_000


def test_every_kept_picture_is_compared_once():
    tests = (ANDROID_APP / "app/src/test/kotlin").rglob("*.kt")
    compared = re.findall(r'\.screenshot\("([\w-]+)"\)', "".join(p.read_text() for p in tests))
    assert len(compared) >= 12
    assert sorted(compared) == sorted(path.stem for path in KEPT.glob("*.png"))


def test_kept_pictures_are_small():
    assert sum(path.stat().st_size for path in KEPT.iterdir()) <= MOST_BYTES


def test_gradle_tells_the_tests_what_maven_tells_them():
    gradle = (ANDROID_APP / "app/build.gradle.kts").read_text()
    told = re.findall(r'systemProperty\("([\w.]+)",', gradle)
    pom = (ANDROID_APP / "verify/app/pom.xml").read_text()
    properties = re.search(r"<systemPropertyVariables>(.*)</systemPropertyVariables>", pom, re.S)
    assert sorted(told) == sorted(re.findall(r"<([\w.]+)>", properties[1]))
    assert "screens.kept" in told
