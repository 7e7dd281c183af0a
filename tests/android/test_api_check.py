"""The check of the framework sees every way in which an app can ask for too much.

Java here stands for Kotlin, and a framework of two classes for Android: what it has now, which the
app is compiled against, and what it had on the oldest phone.
"""

import contextlib
import re
import shutil
import subprocess
import zipfile

import pytest

from apk.api_check import NEWER_API, Framework, find_problems, read_newer
from apk.classfile import parse_class
from apk.layout import ANDROID_APP, read_app_facts
from topformer.android.catalogue import read_versions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("javac") is None, reason="there is no JDK"),
]

BASE = """package android.demo; public class Base {{
  public int size; public void draw() {{}} protected void onDraw() {{}} {more} }}"""
VIEW = "package android.demo; public class View extends Base {{ public void show() {{}} {more} }}"
NEW = {
    "Base": BASE.format(more="public void stop() {} public static void hidden() {}"),
    "View": VIEW.format(more="public void fade() {} public void blur() {}"),
    "Extra": "package android.demo; public class Extra { public static int LEVEL; }",
}
OLD = {
    "Base": BASE.format(more="void stop() {} public static void hidden() {}"),
    "View": VIEW.format(more="public void fade() {}"),
}
PUBLIC = {
    "java/lang/Object": {"<init>()V", "hashCode()I"},
    "java/util/Objects": {"requireNonNull(Ljava/lang/Object;)Ljava/lang/Object;"},
    "android/demo/Base": {"<init>()V", "size#I", "draw()V", "onDraw()V", "stop()V"},
    "android/demo/View": {"<init>()V", "show()V"},
}
FADE = "android/demo/View.fade()V"
# As androidx: a class of the framework extended, calling what only newer phones have.
LIBRARY = {
    "Middle": """package lib; public class Middle extends android.demo.View {
      public void ease() { blur(); } protected void stay() {} }"""
}


def compiled(folder, sources, *, against=()):
    folder.mkdir(parents=True)
    for name, text in sources.items():
        (folder / f"{name}.java").write_text(text)
    paths = [str(path) for path in folder.glob("*.java")]
    classpath = ":".join(map(str, against)) or "."
    command = ["javac", "--release", "17", "-cp", classpath, "-d", str(folder / "classes"), *paths]
    subprocess.run(command, check=True)
    return folder / "classes"


FADES = "void go(View it) { it.fade(); }"
GOOD = [
    "void go() { show(); }",
    "void go() { draw(); size = 3; }",
    "void go(View other) { other.draw(); other.size++; }",
    "protected void onDraw() { super.onDraw(); }",
    "void mine() {} void go() { mine(); hashCode(); }",
    "int[] copy(int[] all) { return all.clone(); }",
    "Runnable later(View other) { return () -> other.show(); }",
]
BAD = {
    "void go(View it) { it.blur(); }": r"View\.blur\(\)V.*not in the framework of API 29",
    "void go() { blur(); }": r"App\d+\.blur\(\)V.*not in the framework of API 29",
    "int go() { return Extra.LEVEL; }": r"Extra\.LEVEL#I.*not in the framework",
    "Class<?> go() { return Extra.class; }": r"demo/Extra, .*not in the framework",
    "void go(View it) { it.stop(); }": r"View\.stop\(\)V.*not public",
    "void go() { hidden(); }": r"hidden\(\)V.*is hidden",
    FADES: r"View\.fade\(\)V.*not listed",
    "Runnable go(View it) { return it::blur; }": r"View\.blur\(\)V.*not in the framework",
    'String go() { return "a".strip(); }': r"String\.strip.*not in the framework",
}
NOTHING = ""
# Of a class that extends the library's.
GOOD_ABOVE = ["void go() { ease(); stay(); }", "void go() { draw(); size = 3; onDraw(); }"]
BAD_ABOVE = {
    "void go(lib.Middle it) { it.blur(); }": r"Middle\.blur\(\)V.*not in the framework of API 29",
    "void go() { stop(); }": r"App\d+\.stop\(\)V.*not public",
    "void go() { fade(); }": r"App\d+\.fade\(\)V.*not listed",
}


@pytest.fixture(scope="module")
def problems_of(tmp_path_factory):
    """Return a function that says what is wrong with an app of this body."""
    root = tmp_path_factory.mktemp("framework")
    new, old = compiled(root / "new", NEW), compiled(root / "old", OLD)
    library = compiled(root / "library", LIBRARY, against=[new])
    jars = {packed(old): "archive", packed(library): "library"}
    bodies = [*GOOD, *BAD, NOTHING, *GOOD_ABOVE, *BAD_ABOVE]
    source = "import android.demo.*; public class App{} extends {} {{ {} }}"
    above = {*GOOD_ABOVE, *BAD_ABOVE}
    sources = {
        f"App{at}": source.format(at, "lib.Middle" if body in above else "View", body)
        for at, body in enumerate(bodies)
    }
    apps = compiled(root / "apps", sources, against=[new, library])

    def problems(body, newer=None):
        own = parse_class((apps / f"App{bodies.index(body)}.class").read_bytes())
        with contextlib.ExitStack() as stack:
            opened = {use: stack.enter_context(zipfile.ZipFile(jar)) for jar, use in jars.items()}
            framework = Framework(
                public={name: frozenset(members) for name, members in PUBLIC.items()},
                parents={"java/lang/Object": ()},
                newer=newer or {},
                **opened,
            )
            return find_problems([own], framework, 29)

    return problems


def packed(classes):
    jar = classes.with_suffix(".jar")
    with zipfile.ZipFile(jar, "w") as archive:
        for path in classes.rglob("*.class"):
            archive.write(path, path.relative_to(classes).as_posix())
    return jar


@pytest.mark.parametrize("body", [*GOOD, *GOOD_ABOVE])
def test_what_the_oldest_phone_has_and_is_public_passes(problems_of, body):
    assert problems_of(body) == []


@pytest.mark.parametrize(("body", "reason"), [*BAD.items(), *BAD_ABOVE.items()])
def test_whatever_it_lacks_or_hides_is_named(problems_of, body, reason):
    found = problems_of(body)
    assert any(re.search(reason, line) and ", of App" in line for line in found), found


def test_what_is_newer_than_the_public_list_must_be_reviewed_and_old_enough(problems_of):
    assert problems_of(FADES, {FADE: 29}) == []
    (late,) = problems_of(FADES, {FADE: 30})
    assert "it came with API 30" in late


def test_nothing_stays_listed_that_is_not_used(problems_of):
    assert problems_of(NOTHING, {FADE: 28}) == [f"{FADE}: listed, but not used"]


def test_the_list_is_in_order_and_fits_the_oldest_phone():
    listed = read_newer()
    assert list(listed.values()) == sorted(listed.values())
    assert len(listed) == len(re.findall(r"^\d", NEWER_API.read_text(), re.MULTILINE))
    facts = read_app_facts()
    assert max(listed.values()) <= facts.min_sdk
    # Android 10 is API 29.
    assert (facts.min_sdk, read_versions(ANDROID_APP)["android-all-oldest"].split("-")[0]) == (
        29,
        "10",
    )
