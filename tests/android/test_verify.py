"""The build without Gradle builds what Gradle would: folders, versions and dependencies."""

import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from apk.layout import MANIFEST, read_app_facts
from apk.manifests import ANDROID, write_manifest
from apk.shrinking import RULES
from topformer.android.gradle import APK

ANDROID_APP = Path(__file__).parents[2] / "android_app"
VERIFY = ANDROID_APP / "verify"
POM = {"": "http://maven.apache.org/POM/4.0.0"}
MODULES = ("core", "segmenter", "app")
CATALOGUE = tomllib.loads((ANDROID_APP / "gradle/libs.versions.toml").read_text())
# Gradle gets these with others or from plugins; Maven names them, or has them as plain files.
IMPLIED = {
    "org.jetbrains.kotlin:kotlin-stdlib",
    "com.facebook.fbjni:fbjni",
    "com.facebook.soloader:nativeloader",
    "io.topformer:android",
    "io.topformer:resources",
    "org.jetbrains.kotlinx:kotlinx-coroutines-android",
}
# The jar that Maven's build makes of what it fetches.
ANDROIDX = "io.topformer:androidx"


def gradle(module):
    return (ANDROID_APP / module / "build.gradle.kts").read_text()


def pom(module):
    return ET.parse(VERIFY / module / "pom.xml").getroot()


def gradle_dependencies(module):
    found = set()
    for scope, what in re.findall(r"^    (\w*[iI]mplementation)\((.*)\)$", gradle(module), re.M):
        if (project := re.fullmatch(r'project\(":(\w+)"\)', what)) is not None:
            found.add((f"io.topformer:{project[1]}", scope == "testImplementation"))
        else:
            alias = what.removeprefix("libs.").replace(".", "-")
            found.add((CATALOGUE["libraries"][alias]["module"], scope == "testImplementation"))
    return found


def managed_scopes():
    root = ET.parse(VERIFY / "pom.xml").getroot()
    return {
        f"{d.findtext('groupId', '', POM)}:{d.findtext('artifactId', '', POM)}": d.findtext(
            "scope", "compile", POM
        )
        for d in root.iterfind("dependencyManagement/dependencies/dependency", POM)
    }


def maven_dependencies(module):
    managed = managed_scopes()
    found = set()
    for dependency in pom(module).iterfind("dependencies/dependency", POM):
        group = dependency.findtext("groupId", "", POM)
        name = f"{group}:{dependency.findtext('artifactId', '', POM)}"
        scope = dependency.findtext("scope", managed.get(name, "compile"), POM)
        if name == ANDROIDX:
            found |= {(name, False) for name in androidx_that_is_named()}
        elif name not in IMPLIED:
            found.add((name, scope == "test"))
    return found


def androidx_fetched():
    """Version by module, of what Maven's build fetches; the others are what these depend on."""
    items = pom("fetched").iterfind(".//execution[id='androidx']//artifactItem", POM)
    return {
        f"{item.findtext('groupId', '', POM)}:{item.findtext('artifactId', '', POM)}": (
            item.findtext("version", "", POM)
        )
        for item in items
    }


def androidx_that_is_named():
    named = {
        library["module"]: library["version"]["ref"] for library in CATALOGUE["libraries"].values()
    }
    fetched = androidx_fetched()
    for name in named.keys() & fetched.keys():
        assert fetched[name] == f"${{versions.{named[name]}}}"
    return named.keys() & fetched.keys()


@pytest.mark.parametrize("module", MODULES)
def test_both_builds_have_the_same_dependencies(module):
    assert maven_dependencies(module) == gradle_dependencies(module)
    assert len(gradle_dependencies(module)) >= 2


def test_the_app_takes_nothing_that_gradle_would_keep_from_it():
    # Maven's jar holds all that androidx is made of; Gradle shows what the named ones export.
    exported = {"activity", "annotation", "core", "lifecycle", "savedstate"}
    sources = [path.read_text() for path in (ANDROID_APP / "app/src").rglob("*.kt")]
    taken = {
        name for text in sources for name in re.findall(r"^import androidx\.(\w+)", text, re.M)
    }
    assert "activity" in taken
    assert taken <= exported


def test_both_builds_have_the_same_modules():
    included = re.findall(r'":(\w+)"', (ANDROID_APP / "settings.gradle.kts").read_text())
    built = [module.text for module in pom("").iterfind("modules/module", POM)]
    assert set(included) == set(MODULES)
    assert set(built) >= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_both_builds_take_gradles_own_folders(module):
    # No source set is moved, so Gradle takes src/main/kotlin and src/test/kotlin.
    assert not re.search(r"sourceSets|srcDir|productFlavors", gradle(module))
    build = pom(module).find("build", POM)
    source = build.findtext("sourceDirectory", "", POM)
    tests = build.findtext("testSourceDirectory", "", POM)
    assert (source, tests) == (
        f"../../{module}/src/main/kotlin",
        f"../../{module}/src/test/kotlin",
    )
    assert not (ANDROID_APP / module / "src/main/java").exists()
    others = {path.name for path in (ANDROID_APP / module / "src").iterdir()} - {"main", "test"}
    assert not others


def test_app_and_segmenter_are_for_the_same_androids():
    for name in ("minSdk", "compileSdk"):
        found = [re.findall(rf"^\s*{name} = (\d+)$", gradle(m), re.M) for m in MODULES[1:]]
        assert found[0] == found[1]
        assert len(found[0]) == 1


def test_versions_stand_in_the_catalogue_only():
    for module in ("", *MODULES):
        if module:
            assert not re.search(r':\d+\.\d+"|version "', gradle(module))
        for version in pom(module).iterfind(".//version", POM):
            # 1 is the version of our own modules.
            assert version.text == "1" or version.text.startswith("${versions.")
    named = set(
        re.findall(
            r"\$\{versions\.([\w-]+)\}", "".join(p.read_text() for p in VERIFY.glob("**/pom.xml"))
        )
    )
    assert named <= set(CATALOGUE["versions"])


def test_the_runtimes_version_is_the_catalogues():
    segmenter = ANDROID_APP / "segmenter/src/main/kotlin/io/topformer/segmenter"
    source = (segmenter / "ExecuTorchSegmenter.kt").read_text()
    assert re.findall(r'RUNTIME_VERSION: String = "(.*)"', source) == [
        CATALOGUE["versions"]["executorch"]
    ]


@pytest.mark.parametrize("module", MODULES)
def test_both_builds_make_classes_of_the_same_version_with_any_newer_jdk(module):
    # A toolchain would want this very JDK, and Gradle fetches none without a resolver.
    assert "jvmToolchain" not in gradle(module)
    version = CATALOGUE["versions"]["jdk"]
    if module == "core":
        assert "jvmTarget = JvmTarget.fromTarget(libs.versions.jdk.get())" in gradle(module)
        assert "-Xjdk-release=${libs.versions.jdk.get()}" in gradle(module)
    else:
        assert gradle(module).count(f"JavaVersion.VERSION_{version}") == 2
    target = pom("").findtext(".//pluginManagement//jvmTarget", "", POM)
    assert target == "${versions.jdk}"


@pytest.mark.parametrize("module", ["segmenter", "app"])
def test_android_modules_are_compiled_against_public_api_alone(module):
    jars = [
        dependency.findtext("systemPath", "", POM)
        for dependency in pom(module).iterfind("dependencies/dependency", POM)
        if dependency.findtext("artifactId", "", POM) == "android"
    ]
    assert jars == ["${verify.target}/stubs/android.jar"]
    # Of Java too they see what Android has, app and tests alike.
    assert "<arg>-no-jdk</arg>" in (VERIFY / module / "pom.xml").read_text()


def test_release_is_what_both_build():
    release = re.search(
        r"    buildTypes \{\n        release \{\n(.*?)\n        \}", gradle("app"), re.S
    )
    assert "isMinifyEnabled = true" in release[1]
    assert '"proguard-rules.pro"' in release[1]
    # The user's own key, where its properties are named.
    own = 'signingConfigs.findByName("own") ?: signingConfigs.getByName("debug")'
    assert f"signingConfig = {own}" in release[1]
    properties = re.findall(r'gradleProperty\("([\w.]+)"\)', gradle("app"))
    assert len(properties) == 4
    assert all(f"`{name}`" in (ANDROID_APP / "README.md").read_text() for name in properties)
    assert "buildTypes" not in gradle("core") + gradle("segmenter")
    assert RULES[0] == ANDROID_APP / "app/proguard-rules.pro"
    assert "release" in APK.parts


def test_native_code_is_stored_as_both_say(tmp_path):
    assert "useLegacyPackaging = false" in gradle("app")
    # Gradle wants it said there alone.
    assert "extractNativeLibs" not in MANIFEST.read_text()
    write_manifest(read_app_facts(), tmp_path / "merged.xml")
    application = ET.parse(tmp_path / "merged.xml").getroot().find("application")
    assert application.get(f"{{{ANDROID}}}extractNativeLibs") == "false"
