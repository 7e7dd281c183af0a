"""The manifest that Gradle would merge: the app's own, and what androidx adds to it."""

import xml.etree.ElementTree as ET
from pathlib import Path

from apk.androidx import unpacked_archives
from apk.layout import MANIFEST, AppFacts
from topformer.errors import TopformerError

ANDROID = "http://schemas.android.com/apk/res/android"


def write_manifest(facts: AppFacts, out: Path) -> None:
    """Write it; raises `TopformerError` for what this cannot merge as Gradle does."""
    ET.register_namespace("android", ANDROID)
    tree = ET.parse(MANIFEST)
    root = tree.getroot()
    # Gradle's files name the package, and the manifest may not.
    root.set("package", facts.application_id)
    for element in root.iter():
        name = element.get(f"{{{ANDROID}}}name", "")
        if name.startswith("."):
            element.set(f"{{{ANDROID}}}name", facts.namespace + name)
    # As Gradle says it of native code that is stored, not packed: useLegacyPackaging is false.
    application = root.find("application")
    assert application is not None
    application.set(f"{{{ANDROID}}}extractNativeLibs", "false")
    for folder in unpacked_archives():
        _merge(root, folder / "AndroidManifest.xml", facts)
    tree.write(out, encoding="utf-8", xml_declaration=True)


def _merge(root: ET.Element, path: Path, facts: AppFacts) -> None:
    text = path.read_text().replace("${applicationId}", facts.application_id)
    application = root.find("application")
    assert application is not None
    for element in ET.fromstring(text):
        if element.tag == "uses-sdk":
            if (least := int(element.get(f"{{{ANDROID}}}minSdkVersion", "1"))) > facts.min_sdk:
                raise TopformerError(f"{path.parent.name} needs API {least}, above minSdk.")
        elif element.tag in ("permission", "uses-permission"):
            root.append(element)
        elif element.tag == "application" and not len(element):
            for name, value in element.items():
                if application.attrib.setdefault(name, value) != value:
                    raise TopformerError(f"{path.parent.name} asks for {name}={value}.")
        else:
            raise TopformerError(f"{path.parent.name} adds <{element.tag}> to the manifest.")
