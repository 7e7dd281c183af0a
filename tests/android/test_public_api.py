"""Stubs hold Android's public API and no more; what is not in them is found wherever it is used.

Java here stands for Kotlin. It is compiled against the whole framework, which a compiler that knew
no better would take.
"""

import re
import shutil
import subprocess

import pytest

from apk.layout import FETCHED, read_app_facts
from apk.public_api import NEWEST, OLDEST
from apk.references import find_missing

FRAMEWORK = FETCHED / "android-all.jar"
GOOD = [
    "void go() { invalidate(); requireViewById(3).performClick(); }",
    "protected void onDraw(android.graphics.Canvas it) { super.onDraw(it); }",
    "int go(View other) { return other.getWidth() + hashCode() + Integer.hashCode(3); }",
    "int[] copy(int[] all) { return all.clone(); }",
    "StringBuilder go(StringBuilder it) { it.setLength(it.length() - 1); return it; }",
    'Runnable later(View other, int x) { return () -> other.setTag("now" + x); }',
    "int go(android.os.PowerManager it) { return it.getCurrentThermalStatus(); }",
]
BAD = {
    "int go() { return android.view.WindowInsets.Type.ime(); }": r"WindowInsets\$Type\.ime\(\)",
    "void go() { setRenderEffect(null); }": r"setRenderEffect",
    "Class<?> go() { return android.window.SplashScreen.class; }": r"class android.window.Splash",
    "int go(android.media.Image it) { return it.getTransform(); }": r"Image\.getTransform\(\)",
    "void go() { resetResolvedTextDirection(); }": r"resetResolvedTextDirection",
    "Runnable go(View it) { return it::resetResolvedTextDirection; }": r"resetResolvedTextDir",
    'String go() { return android.os.SystemProperties.get("x"); }': r"SystemProperties\.get\(",
    'String go() { return "a".strip(); }': r"String\.strip\(\)",
}


def compiled(folder, sources, *, against):
    folder.mkdir(parents=True)
    for name, text in sources.items():
        (folder / f"{name}.java").write_text(text)
    paths = [str(path) for path in folder.glob("*.java")]
    command = ["javac", "--release", "17", "-cp", str(against), "-d", str(folder / "classes")]
    return subprocess.run([*command, *paths], check=False, capture_output=True, text=True)


def app(name, body):
    return (
        f"import android.view.View; public class {name} extends View {{ "
        f"{name}(android.content.Context it) {{ super(it); }} {body} }}"
    )


@pytest.fixture
def missing(app_build, tmp_path):
    """Return a function that says what apps of these bodies want in vain of the oldest phone."""
    app_build(OLDEST)

    def find(name, bodies):
        sources = {f"App{at}": app(f"App{at}", body) for at, body in enumerate(bodies)}
        said = compiled(tmp_path / name, sources, against=app_build(FRAMEWORK))
        assert said.returncode == 0, said.stderr
        jar = shutil.make_archive(str(tmp_path / name), "zip", tmp_path / name / "classes")
        return find_missing([tmp_path / jar], [], OLDEST)

    return find


def test_what_the_oldest_phone_has_and_is_public_passes(missing):
    assert missing("good", GOOD) == []


def test_whatever_it_lacks_or_hides_is_named_with_who_uses_it(missing):
    found = missing("bad", BAD)
    for at, pattern in enumerate(BAD.values()):
        assert any(re.search(pattern, line) and f"App{at}" in line for line in found), pattern


@pytest.mark.parametrize(
    ("source", "refusal"),
    [
        ("com.android.internal.view.menu.MenuItemImpl it;", "MenuItemImpl"),
        ("int go(android.media.Image it) { return it.getTransform(); }", "cannot find symbol"),
        (
            "class Fake extends android.hardware.camera2.impl.CameraDeviceImpl {}",
            "CameraDeviceImpl",
        ),
        ("int go() { return android.view.WindowInsets.Type.ime(); }", ""),
    ],
)
def test_a_compiler_sees_only_what_is_public_now(app_build, tmp_path, source, refusal):
    said = compiled(tmp_path / "app", {"App": app("App", source)}, against=app_build(NEWEST))
    assert (said.returncode == 0) == (not refusal)
    assert refusal in said.stderr


def test_the_levels_are_those_that_gradle_names(app_build):
    facts = read_app_facts()
    origin = app_build(NEWEST.with_name("origin")).read_text()
    assert str(facts) in origin
    assert (facts.min_sdk, facts.compile_sdk) == (29, 35)
