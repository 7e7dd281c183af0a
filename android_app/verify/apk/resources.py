"""Resources and manifest, linked by aapt2, and the class R that names them."""

import shutil
import xml.etree.ElementTree as ET

from apk.layout import ASSETS, FETCHED, LINKED, MANIFEST, RESOURCES, AppFacts
from apk.tools import run

ANDROID = "http://schemas.android.com/apk/res/android"
LINKED_APK = LINKED / "linked.apk"


def link_resources(facts: AppFacts) -> None:
    """Compile and link all resources, and make the class R. Raises `TopformerError`."""
    shutil.rmtree(LINKED, ignore_errors=True)
    LINKED.mkdir(parents=True)
    compiled, java, classes = LINKED / "compiled.zip", LINKED / "java", LINKED / "classes"
    manifest = LINKED / "AndroidManifest.xml"
    _write_manifest(facts)
    run("aapt2", "compile", "--dir", RESOURCES, "-o", compiled)
    link = ["aapt2", "link", compiled, "-o", LINKED_APK, "-I", FETCHED / "android-all-aapt.jar"]
    link += ["--manifest", manifest, "--java", java, "--custom-package", facts.namespace]
    link += ["--min-sdk-version", str(facts.min_sdk)]
    link += ["--target-sdk-version", str(facts.target_sdk)]
    link += ["--version-code", str(facts.version_code), "--version-name", facts.version_name]
    run(*link, "--auto-add-overlay")
    source = java / facts.namespace.replace(".", "/") / "R.java"
    run("javac", "--release", "17", "-d", classes, source)
    run("jar", "--create", "--file", LINKED / "resources.jar", "-C", classes, ".")
    _describe_for_robolectric(facts)


def _write_manifest(facts: AppFacts) -> None:
    """Add what Gradle would: the package, which its files name and the manifest may not."""
    ET.register_namespace("android", ANDROID)
    tree = ET.parse(MANIFEST)
    tree.getroot().set("package", facts.application_id)
    for element in tree.iter():
        name = element.get(f"{{{ANDROID}}}name", "")
        if name.startswith("."):
            element.set(f"{{{ANDROID}}}name", facts.namespace + name)
    tree.write(LINKED / "AndroidManifest.xml", encoding="utf-8", xml_declaration=True)


def _describe_for_robolectric(facts: AppFacts) -> None:
    folder = LINKED / "robolectric/com/android/tools"
    folder.mkdir(parents=True)
    (folder / "test_config.properties").write_text(
        f"android_merged_manifest={LINKED / 'AndroidManifest.xml'}\n"
        f"android_resource_apk={LINKED_APK}\n"
        f"android_merged_assets={ASSETS}\n"
        f"android_custom_package={facts.namespace}\n"
    )
