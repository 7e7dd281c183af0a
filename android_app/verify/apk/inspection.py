"""The finished APK, opened again: is it what it should be?"""

import hashlib
import json
import re
import struct
import zipfile
from pathlib import Path, PurePosixPath

from apk.elf import least_alignment
from apk.layout import AppFacts
from apk.packing import PAGE_BYTES, STORED_SUFFIXES
from apk.tools import run
from topformer.errors import TopformerError

# The app's own entry, the runtime's classes, and what the runtime loads its library with.
CLASSES = (
    "Lio/topformer/demo/MainActivity;",
    "Lio/topformer/core/ClassShares;",
    "Landroidx/activity/ComponentActivity;",
    "Lorg/pytorch/executorch/Module;",
    "Lcom/facebook/jni/HybridData;",
    "Lcom/facebook/soloader/nativeloader/NativeLoader;",
    "Lkotlin/jvm/internal/Intrinsics;",
)
LIBRARIES = {"libc++_shared.so", "libexecutorch.so", "libfbjni.so"}


def inspect_apk(facts: AppFacts, apk: Path) -> list[str]:
    """Check an APK and say what was found. Raises `TopformerError` naming all that is wrong."""
    wrong: list[str] = []
    found = _manifest(facts, apk, wrong)
    _signature(facts, apk, wrong)
    with zipfile.ZipFile(apk) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        found += _native(facts, archive, entries, wrong)
        _storage(apk, entries, wrong)
        found += _dex(archive, entries, wrong)
        found += _models(archive, entries, wrong)
    if wrong:
        raise TopformerError(f"{apk.name} is not what it should be.", why="; ".join(wrong) + ".")
    return found


def _manifest(facts: AppFacts, apk: Path, wrong: list[str]) -> list[str]:
    badging = run("aapt2", "dump", "badging", apk)

    def said(pattern: str) -> set[str]:
        return set(re.findall(pattern, badging, re.MULTILINE))

    # The second is androidx's: only the app itself can have it.
    internal = f"{facts.application_id}.DYNAMIC_RECEIVER_NOT_EXPORTED_PERMISSION"
    permissions = {"android.permission.CAMERA", internal}
    expected = {
        "package": (r"^package: name='([^']*)'", {facts.application_id}),
        "version code": (r"^package: .*versionCode='([^']*)'", {str(facts.version_code)}),
        "least API": (r"^sdkVersion:'([^']*)'", {str(facts.min_sdk)}),
        "target API": (r"^targetSdkVersion:'([^']*)'", {str(facts.target_sdk)}),
        "permissions": (r"^uses-permission: name='([^']*)'", permissions),
        "start": (r"^launchable-activity: name='([^']*)'", {f"{facts.namespace}.MainActivity"}),
    }
    for name, (pattern, value) in expected.items():
        if said(pattern) != value:
            wrong.append(f"{name}: {sorted(said(pattern))} instead of {sorted(value)}")
    return [f"{name}: {', '.join(sorted(value))}" for name, (_, value) in expected.items()]


def _signature(facts: AppFacts, apk: Path, wrong: list[str]) -> None:
    verify = ("apksigner", "verify", "--verbose", "--min-sdk-version", str(facts.min_sdk))
    try:
        said = run(*verify, apk)
    except TopformerError as error:
        wrong.append(f"its signature is not valid: {error.why.splitlines()[-1]}")
        return
    if "Verified using v3 scheme (APK Signature Scheme v3): true" not in said:
        wrong.append("it is not signed with scheme v3")


def _native(
    facts: AppFacts,
    archive: zipfile.ZipFile,
    entries: dict[str, zipfile.ZipInfo],
    wrong: list[str],
) -> list[str]:
    expected = {f"lib/{abi}/{name}" for abi in facts.abis for name in LIBRARIES}
    if (found := {name for name in entries if name.startswith("lib/")}) != expected:
        wrong.append(f"native libraries differ by {sorted(found ^ expected)}")
    return [f"ABIs: {', '.join(facts.abis)}", f"native code: {page_sizes(archive, sorted(found))}"]


def page_sizes(archive: zipfile.ZipFile, libraries: list[str]) -> str:
    """Say for which pages libraries were linked: their makers' choice, so it is no error."""
    found = {name: least_alignment(archive.read(name)) for name in libraries}
    small = [f"{name} ({size})" for name, size in found.items() if size < PAGE_BYTES]
    if small:
        return f"not for pages of {PAGE_BYTES} bytes: {', '.join(small)}"
    return f"for pages of {PAGE_BYTES} bytes"


def _storage(apk: Path, entries: dict[str, zipfile.ZipInfo], wrong: list[str]) -> None:
    """What Android maps must be stored, native code and models on a page's border."""
    with apk.open("rb") as stream:
        for entry in entries.values():
            if PurePosixPath(entry.filename).suffix not in STORED_SUFFIXES:
                continue
            stream.seek(entry.header_offset + 26)
            name_bytes, extra_bytes = struct.unpack("<HH", stream.read(4))
            start = entry.header_offset + 30 + name_bytes + extra_bytes
            if entry.compress_type != zipfile.ZIP_STORED:
                wrong.append(f"{entry.filename} is compressed")
            elif start % PAGE_BYTES and not entry.filename.endswith(".arsc"):
                wrong.append(f"{entry.filename} starts at {start}, within a page")
            elif start % 4:
                wrong.append(f"{entry.filename} starts at {start}")


def _dex(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], wrong: list[str]
) -> list[str]:
    defined: set[str] = set()
    for name in entries:
        if re.fullmatch(r"classes\d*\.dex", name):
            defined |= _defined_classes(archive.read(name))
    wrong += [f"no dex file defines {name}" for name in CLASSES if name not in defined]
    return [f"dex classes: {len(defined)}"]


def _defined_classes(dex: bytes) -> set[str]:
    """Descriptors of the classes of a dex file. Source: source.android.com, "Dalvik executable"."""
    strings_at, _, types_at = (struct.unpack_from("<I", dex, at)[0] for at in (60, 64, 68))
    count, classes_at = struct.unpack_from("<II", dex, 96)

    def descriptor(class_number: int) -> str:
        (type_number,) = struct.unpack_from("<I", dex, classes_at + 32 * class_number)
        (string_number,) = struct.unpack_from("<I", dex, types_at + 4 * type_number)
        (at,) = struct.unpack_from("<I", dex, strings_at + 4 * string_number)
        # The length in characters comes first, seven bits a byte.
        while dex[at] & 0x80:
            at += 1
        return dex[at + 1 : dex.index(0, at + 1)].decode()

    return {descriptor(number) for number in range(count)}


def _models(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], wrong: list[str]
) -> list[str]:
    found: list[str] = []
    for name, entry in entries.items():
        if not re.fullmatch(r"assets/models/[^/]+\.pte", name):
            continue
        manifest = name.removesuffix(".pte") + ".json"
        if manifest not in entries:
            wrong.append(f"{name} has no manifest")
            continue
        digest = hashlib.sha256(archive.read(name)).hexdigest()
        if json.loads(archive.read(manifest))["file"]["sha256"] != digest:
            wrong.append(f"{name} is not the file of its manifest")
        found.append(f"model: {PurePosixPath(name).name}, {entry.file_size:,} bytes, {digest}")
    return found
