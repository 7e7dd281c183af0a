"""What the app uses of ExecuTorch is what the table says, and what the jar has."""

import re
import shutil
import subprocess

import pytest

from apk.executorch_api import PACKAGE, TABLE, compare, read_table
from apk.layout import FETCHED, RUNTIME, TARGET, VERIFY
from apk.public_api import NEWEST
from apk.references import find_members, find_missing

JAR = RUNTIME / "executorch.jar"
OWN = TARGET / "jars/segmenter.jar"


@pytest.fixture
def libraries(app_build):
    listed = app_build(TARGET / "runtime-classpath").read_text().split(":")
    found = [path for path in listed if path.endswith(".jar") and str(VERIFY) not in path]
    return [*found, RUNTIME / "fbjni.jar", TARGET / "jars/core.jar"]


@pytest.fixture
def jar_of(app_build, tmp_path):
    """Return a function that makes a jar of ExecuTorch's members, as members of Java's classes."""
    app_build(FETCHED / "r8.jar")

    def make(members):
        classes = {}
        for member in members:
            owner, name, parameters, result = re.fullmatch(
                r"(\w+)\.(\w+)\((.*)\): (.*)", member
            ).groups()
            typed = ", ".join(f"{it} p{at}" for at, it in enumerate(parameters.split(", ")) if it)
            static = (
                "static " if name in ("from", "load", "fromBlob", "allocateFloatBuffer") else ""
            )
            body = "{ throw new RuntimeException(); }"
            classes.setdefault(owner, []).append(f"public {static}{result} {name}({typed}) {body}")
        for owner, bodies in classes.items():
            text = f"package {PACKAGE[:-1]}; public class {owner} {{ {' '.join(bodies)} }}"
            (tmp_path / f"{owner}.java").write_text(text)
        sources = [str(path) for path in tmp_path.glob("*.java")]
        subprocess.run(["javac", "-d", str(tmp_path / "classes"), *sources], check=True)
        return tmp_path / shutil.make_archive(
            str(tmp_path / "executorch"), "zip", tmp_path / "classes"
        )

    return make


def test_the_app_uses_what_the_table_lists(app_build, libraries):
    used = find_members([app_build(OWN)], app_build(JAR), [NEWEST, *libraries])
    assert compare({entry.replace(PACKAGE, "") for entry in used}, read_table()) == []
    assert len(used) > 8


def test_the_jar_has_what_the_table_lists(app_build, libraries, jar_of):
    assert find_missing([app_build(OWN)], [app_build(JAR), *libraries], NEWEST) == []
    assert find_missing([OWN], [jar_of(read_table()), *libraries], NEWEST) == []


def test_a_jar_of_the_api_before_1_3_is_refused(app_build, libraries, jar_of):
    new = "Module.loadMethod(java.lang.String): void"
    assert new in read_table()
    older = [member for member in read_table() if member not in (new, "Module.close(): void")]
    jar = jar_of([*older, new.replace("void", "int")])
    found = find_missing([app_build(OWN)], [jar, *libraries], NEWEST)
    assert any(
        "void org.pytorch.executorch.Module.loadMethod(java.lang.String)" in it for it in found
    )
    assert any("void org.pytorch.executorch.Module.close()" in it for it in found)
    assert not any("Tensor" in it.partition(" (referenced")[0] for it in found)


def test_the_table_must_be_whole_and_no_longer_than_that():
    table = {"A.b(): void": "A.kt:1"}
    assert compare({"A.b(): void"}, table) == []
    assert compare({"A.b(): void", "A.c(): int"}, table) == ["A.c(): int is used, but not listed"]
    assert compare(set(), table) == ["A.b(): void is listed, but not used"]


def test_each_line_names_a_place_and_the_commit_is_named():
    assert all(re.fullmatch(r"\w+\.kt:\d+", place) for place in read_table().values())
    assert re.search(r"\b[0-9a-f]{40}\b", TABLE.read_text())
