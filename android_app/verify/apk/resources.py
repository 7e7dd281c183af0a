"""Resources and manifest, linked by aapt2, and the classes R that name them."""

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

from apk.androidx import unpacked_archives
from apk.layout import ASSETS, FETCHED, LINKED, RESOURCES, AppFacts
from apk.manifests import write_manifest
from apk.tools import run

LINKED_APK = LINKED / "linked.apk"
# Rules for R8: classes that the manifest and layouts name.
NAMED_CLASSES = LINKED / "named-classes.pro"


def link_resources(facts: AppFacts) -> None:
    """Compile and link all resources, and make the class R. Raises `TopformerError`."""
    shutil.rmtree(LINKED, ignore_errors=True)
    LINKED.mkdir(parents=True)
    java, classes = LINKED / "java", LINKED / "classes"
    manifest = LINKED / "AndroidManifest.xml"
    write_manifest(facts, manifest)
    libraries = unpacked_archives()
    folders = [folder / "res" for folder in libraries if (folder / "res").is_dir()]
    compiled = [_compile(folder) for folder in (*folders, RESOURCES)]
    link = ["aapt2", "link", *compiled, "-o", LINKED_APK, "-I", FETCHED / "android-all-aapt.jar"]
    link += ["--manifest", manifest, "--java", java, "--custom-package", facts.namespace]
    link += ["--proguard", NAMED_CLASSES]
    link += ["--extra-packages", ":".join(_packages_with_resources(libraries))]
    link += ["--min-sdk-version", str(facts.min_sdk)]
    link += ["--target-sdk-version", str(facts.target_sdk)]
    link += ["--version-code", str(facts.version_code), "--version-name", facts.version_name]
    run(*link, "--auto-add-overlay")
    run("javac", "--release", "17", "-d", classes, *java.rglob("R.java"))
    run("jar", "--create", "--file", LINKED / "resources.jar", "-C", classes, ".")
    _describe_for_robolectric(facts)


def _compile(folder: Path) -> Path:
    compiled = LINKED / f"{folder.parent.name}.zip"
    run("aapt2", "compile", "--dir", folder, "-o", compiled)
    return compiled


def _packages_with_resources(libraries: list[Path]) -> list[str]:
    """Of each library whose classes look for a class R."""
    manifests = [path / "AndroidManifest.xml" for path in libraries if (path / "R.txt").read_text()]
    return [ET.parse(path).getroot().attrib["package"] for path in manifests]


def _describe_for_robolectric(facts: AppFacts) -> None:
    folder = LINKED / "robolectric/com/android/tools"
    folder.mkdir(parents=True)
    (folder / "test_config.properties").write_text(
        f"android_merged_manifest={LINKED / 'AndroidManifest.xml'}\n"
        f"android_resource_apk={LINKED_APK}\n"
        f"android_merged_assets={ASSETS}\n"
        f"android_custom_package={facts.namespace}\n"
    )
