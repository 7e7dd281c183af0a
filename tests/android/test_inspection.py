"""The APK that `make app` made passes its inspection, and damaged copies of it do not."""

import re
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from apk.elf import least_alignment
from apk.inspection import inspect_apk, page_sizes
from apk.layout import APK, FETCHED, LINKED, read_app_facts
from apk.manifests import ANDROID
from apk.packing import PAGE_BYTES, STORED_SUFFIXES, packed_assets
from support.lacking import lacking
from topformer.errors import TopformerError

FACTS = read_app_facts()
# A changed copy is no longer what was signed.
UNSIGNED = "its signature is not valid"


@pytest.fixture
def built(app_build) -> Path:
    """Return the APK."""
    programs = ("aapt2", "apksigner", "zipalign")
    if not all(map(shutil.which, programs)):
        lacking(f"no {' and '.join(programs)}")
    return app_build(APK)


@pytest.fixture
def refusal(built, tmp_path):
    """Return a function that copies the APK with a change, and says why the copy is refused.

    `change` gets each entry's name and bytes, and returns other bytes, or None to leave it out.
    """

    def damage(change=lambda _, data: data, *, compressed="", unaligned=""):
        path = tmp_path / "damaged.apk"
        with zipfile.ZipFile(built) as whole, zipfile.ZipFile(path, "w") as copy:
            for entry in whole.infolist():
                data = change(entry.filename, whole.read(entry))
                if data is not None:
                    is_aligned = not unaligned or not entry.filename.endswith(unaligned)
                    is_stored = not compressed or not entry.filename.endswith(compressed)
                    write(copy, entry, data, is_aligned=is_aligned, is_stored=is_stored)
        with pytest.raises(TopformerError, match="is not what it should be") as raised:
            inspect_apk(FACTS, path)
        reasons = raised.value.why.removesuffix(".").split("; ")
        assert sum(reason.startswith(UNSIGNED) for reason in reasons) == 1
        return [reason for reason in reasons if not reason.startswith(UNSIGNED)]

    return damage


def write(archive, entry, data, *, is_aligned, is_stored):
    """Add an entry as zipalign would."""
    copied = zipfile.ZipInfo(entry.filename, entry.date_time)
    copied.compress_type = entry.compress_type if is_stored else zipfile.ZIP_DEFLATED
    if entry.filename.endswith(STORED_SUFFIXES):
        start = archive.fp.tell() + 30 + len(entry.filename)
        copied.extra = bytes(-start % PAGE_BYTES + (0 if is_aligned else 4))
    archive.writestr(copied, data)


def test_the_apk_is_what_it_should_be(built):
    said = inspect_apk(FACTS, built)
    asked = re.compile(r"permissions: android.permission.CAMERA, [\w.]+_NOT_EXPORTED_PERMISSION")
    assert any(map(asked.fullmatch, said))
    assert "ABIs: arm64-v8a, x86_64" in said
    assert any(line.startswith("native code: ") for line in said)
    (model,) = (line for line in said if line.startswith("model: "))
    assert re.search(r"xnnpack\.pte, [\d,]+ bytes, [0-9a-f]{64}$", model)


def test_one_that_is_not_signed(refusal):
    assert refusal(lambda name, data: None if name.startswith("META-INF/") else data) == []


def test_a_model_that_is_compressed(refusal):
    (reason,) = refusal(compressed=".pte")
    assert reason.endswith(".pte is compressed")


@pytest.mark.parametrize("suffix", ["arm64-v8a/libexecutorch.so", ".pte"])
def test_what_is_mapped_but_starts_within_a_page(refusal, suffix):
    (reason,) = refusal(unaligned=suffix)
    assert reason.endswith(f"{suffix} starts within a page")


def test_an_abi_that_is_missing(refusal):
    (reason,) = refusal(lambda name, data: None if name.startswith("lib/x86_64/") else data)
    assert reason.startswith("native libraries differ by ")
    assert "lib/x86_64/libexecutorch.so" in reason


def test_a_model_that_is_not_its_manifests(refusal):
    (reason,) = refusal(lambda name, data: data[:-1] if name.endswith(".pte") else data)
    assert reason.endswith(".pte is not the file of its manifest")


def test_a_model_without_a_manifest(refusal):
    def without(name, data):
        return None if name.startswith("assets/") and name.endswith(".json") else data

    (reason,) = refusal(without)
    assert reason.endswith(".pte has no manifest")


def test_classes_that_are_missing(refusal):
    reasons = refusal(lambda name, data: None if name.endswith(".dex") else data)
    assert "no dex file has io/topformer/demo/MainActivity, of the manifest or a layout" in reasons
    assert "no dex file has io/topformer/demo/LegendView, of the manifest or a layout" in reasons
    assert "no dex file has org/pytorch/executorch/EValue, of native code" in reasons
    assert "no dex file has com/facebook/jni/HybridData, of native code" in reasons


INTERNAL = f"'{FACTS.application_id}.DYNAMIC_RECEIVER_NOT_EXPORTED_PERMISSION'"


def add_permission(root):
    asked = ET.SubElement(root, "uses-permission")
    asked.set(f"{{{ANDROID}}}name", "android.permission.INTERNET")


def want_a_camera(root):
    for feature in root.findall("uses-feature"):
        root.remove(feature)


def make_debuggable(root):
    root.find("application").set(f"{{{ANDROID}}}debuggable", "true")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            add_permission,
            "permissions: ['android.permission.CAMERA', 'android.permission.INTERNET', "
            f"{INTERNAL}] instead of ['android.permission.CAMERA', {INTERNAL}]",
        ),
        # The permission alone asks for one.
        (
            want_a_camera,
            "features: ['android.hardware.camera', 'android.hardware.faketouch'] "
            "instead of ['android.hardware.faketouch']",
        ),
        (make_debuggable, "debug build: ['application-debuggable'] instead of []"),
    ],
)
def test_a_manifest_that_says_something_else(refusal, tmp_path, change, reason):
    tree = ET.parse(LINKED / "AndroidManifest.xml")
    change(tree.getroot())
    tree.write(tmp_path / "AndroidManifest.xml")
    link = ["aapt2", "link", *LINKED.glob("*.zip"), "-I", FETCHED / "android-all-aapt.jar"]
    link += ["--manifest", tmp_path / "AndroidManifest.xml", "-o", tmp_path / "linked.apk"]
    link += ["--min-sdk-version", str(FACTS.min_sdk), "--version-code", str(FACTS.version_code)]
    link += ["--target-sdk-version", str(FACTS.target_sdk)]
    subprocess.run(link, check=True, capture_output=True)
    manifest = zipfile.ZipFile(tmp_path / "linked.apk").read("AndroidManifest.xml")
    assert refusal(lambda name, data: manifest if name == "AndroidManifest.xml" else data) == [
        reason
    ]


def elf(*alignments):
    """Make a library of loaded segments, after one that is not."""
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 183, 1, 0, 64, 0, 0, 64, 56,
        1 + len(alignments), 0, 0, 0,
    )  # fmt: skip
    other = struct.pack("<IIQQQQQQ", 6, 4, 0, 0, 0, 0, 0, 8)
    return (
        header
        + other
        + b"".join(struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 0, 0, a) for a in alignments)
    )


def test_the_pages_that_a_library_is_for():
    assert least_alignment(elf(65536, 16384)) == 16384
    assert least_alignment(elf(16384, 4096)) == 4096
    assert least_alignment(elf()) == 0
    for broken in (b"", b"\x7fELF", elf(16384)[:-1], b"\x7fELF\x01" + elf(16384)[5:]):
        assert least_alignment(broken) == 0


def test_libraries_for_small_pages_are_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "small.apk", "w") as archive:
        archive.writestr("lib/a.so", elf(4096))
        archive.writestr("lib/b.so", elf(16384))
    with zipfile.ZipFile(tmp_path / "small.apk") as archive:
        assert page_sizes(archive, ["lib/a.so", "lib/b.so"]) == (
            "not for pages of 16384 bytes: lib/a.so (4096)"
        )
        assert page_sizes(archive, ["lib/b.so"]) == "for pages of 16384 bytes"


def test_hidden_files_are_not_packed(tmp_path):
    for name in ("models/a.pte", "models/.a.pte.x.part", ".hidden/b.pte", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert packed_assets(tmp_path) == [Path("c"), Path("models/a.pte")]
