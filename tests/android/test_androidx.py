"""Android archives made one library of, and their manifests merged into the app's."""

import io
import xml.etree.ElementTree as ET
import zipfile

import pytest

from apk import androidx, manifests
from apk.layout import read_app_facts
from topformer.errors import TopformerError

FACTS = read_app_facts()
MANIFEST = """<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="a.{}">
<uses-sdk android:minSdkVersion="21" />{}</manifest>"""


def archive(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        for name, content in files.items():
            written.writestr(name, content)
    return stream.getvalue()


def aar(name, classes, more="", **files):
    described = {"AndroidManifest.xml": MANIFEST.format(name, more), "R.txt": ""}
    return archive({**described, "classes.jar": archive(classes), **files})


@pytest.fixture
def unpack(tmp_path, monkeypatch):
    """Return a function that makes one library of archives by name, and lists its jar's files."""
    fetched = tmp_path / "fetched"
    (fetched / "androidx").mkdir(parents=True)
    (fetched / "androidx-monitor.aar").write_bytes(aar("monitor", {"Monitor.class": "m"}))
    target = tmp_path / "target"
    monkeypatch.setattr(androidx, "FETCHED", fetched)
    monkeypatch.setattr(androidx, "FETCHED_ARCHIVES", fetched / "androidx")
    monkeypatch.setattr(androidx, "ANDROIDX", target)
    monkeypatch.setattr(androidx, "JAR", target / "androidx.jar")

    def write(archives):
        for name, content in archives.items():
            (fetched / "androidx" / name).write_bytes(content)
        androidx.unpack_androidx()
        with zipfile.ZipFile(androidx.JAR) as jar:
            return {name: jar.read(name).decode() for name in jar.namelist()}

    return write


def test_classes_and_rules_of_all_are_in_one_jar(unpack):
    first = aar(
        "first", {"First.class": "1", "META-INF/MANIFEST.MF": "1"}, **{"proguard.txt": "-a"}
    )
    second = archive({"Second.class": "2", "META-INF/MANIFEST.MF": "2"})
    assert unpack({"first.aar": first, "second.jar": second}) == {
        "First.class": "1",
        "META-INF/proguard/first.pro": "-a",
        "Second.class": "2",
    }
    assert [folder.name for folder in androidx.unpacked_archives()] == ["first"]


def test_two_versions_of_a_class_are_refused(unpack):
    archives = {"a.jar": archive({"Same.class": "1"}), "b.jar": archive({"Same.class": "2"})}
    with pytest.raises(TopformerError, match=r"b\.jar has another Same\.class"):
        unpack(archives)


def merged(unpack, tmp_path, more):
    unpack({"first.aar": aar("first", {}, more)})
    manifests.write_manifest(FACTS, tmp_path / "merged.xml")
    return ET.parse(tmp_path / "merged.xml").getroot()


def test_a_manifest_brings_permissions_and_what_the_application_lacks(unpack, tmp_path):
    more = """<permission android:name="${applicationId}.OWN" />
      <application android:appComponentFactory="a.Factory" android:allowBackup="false" />"""
    root = merged(unpack, tmp_path, more)
    name = f"{{{manifests.ANDROID}}}"
    assert root.find("permission").get(f"{name}name") == f"{FACTS.application_id}.OWN"
    assert root.find("application").get(f"{name}appComponentFactory") == "a.Factory"
    assert root.get("package") == FACTS.application_id
    assert root.find("application/activity").get(f"{name}name").startswith(FACTS.namespace)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("<queries />", "first adds <queries>"),
        ("<application><provider /></application>", "first adds <application>"),
        ('<application android:allowBackup="true" />', "first asks for .*allowBackup=true"),
        ('<uses-sdk android:minSdkVersion="99" />', "first needs API 99"),
    ],
)
def test_what_cannot_be_merged_is_refused(unpack, tmp_path, more, reason):
    with pytest.raises(TopformerError, match=reason):
        merged(unpack, tmp_path, more)
