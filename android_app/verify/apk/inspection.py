"""The finished APK, opened again: is it what it should be?"""

import hashlib
import json
import re
import struct
import zipfile
from pathlib import Path, PurePosixPath

from apk.elf import least_alignment
from apk.layout import RUNTIME, AppFacts
from apk.packing import PAGE_BYTES, STORED_SUFFIXES
from apk.resources import NAMED_CLASSES
from apk.tools import run
from topformer.errors import TopformerError

# Packages of the classes that native code looks up by name.
_NATIVE_NAMES = re.compile(rb"(?:org/pytorch/executorch|com/facebook/jni)/[\w/$]+")
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
        # All apps need this one; the camera none must have.
        "features": (r"^  uses-feature: name='([^']*)'", {"android.hardware.faketouch"}),
        "debug build": (r"^(application-debuggable)", set[str]()),
        "start": (r"^launchable-activity: name='([^']*)'", {f"{facts.namespace}.MainActivity"}),
    }
    for name, (pattern, value) in expected.items():
        if said(pattern) != value:
            wrong.append(f"{name}: {sorted(said(pattern))} instead of {sorted(value)}")
    return [f"{name}: {', '.join(sorted(value))}" for name, (_, value) in expected.items() if value]


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
    """What Android maps must be stored, on a page's border."""
    for name, entry in entries.items():
        if name.endswith(STORED_SUFFIXES) and entry.compress_type != zipfile.ZIP_STORED:
            wrong.append(f"{name} is compressed")
    try:
        run("zipalign", "-c", "-v", str(PAGE_BYTES), apk, last=len(entries) + 2)
    except TopformerError as error:
        bad = re.findall(r"^ *\d+ (.+) \(BAD - \d+\)$", error.why, re.MULTILINE)
        mapped = [name for name in bad if name.endswith(STORED_SUFFIXES)]
        wrong += [f"{name} starts within a page" for name in mapped] if bad else [error.why]


def _dex(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], wrong: list[str]
) -> list[str]:
    """What is looked up by name must have kept it: R8 sees no one who calls it."""
    defined: set[str] = set()
    for name in entries:
        if re.fullmatch(r"classes\d*\.dex", name):
            defined |= defined_classes(archive.read(name))
    libraries = [archive.read(name) for name in entries if name.endswith(".so")]
    wanted = {
        "the manifest or a layout": classes_of_resources(),
        "native code": classes_of_native_code(libraries),
    }
    for who, names in wanted.items():
        wrong += [f"no dex file has {name}, of {who}" for name in sorted(names - defined)]
    return [f"dex classes: {len(defined)}"] + [
        f"kept for {who}: {len(names)}" for who, names in wanted.items()
    ]


def classes_of_resources() -> set[str]:
    """Classes that aapt2 found named."""
    named = re.findall(r"^-keep class (\S+) \{", NAMED_CLASSES.read_text(), re.MULTILINE)
    return {name.replace(".", "/") for name in named}


def classes_of_native_code(libraries: list[bytes]) -> set[str]:
    """Classes of ExecuTorch and fbjni whose names are in native code."""
    there: set[str] = set()
    for jar in ("executorch.jar", "fbjni.jar"):
        with zipfile.ZipFile(RUNTIME / jar) as archive:
            there |= {name.removesuffix(".class") for name in archive.namelist()}
    return there & {name.decode() for text in libraries for name in _NATIVE_NAMES.findall(text)}


def defined_classes(dex: bytes) -> set[str]:
    """Names of the classes of a dex file. Source: source.android.com, "Dalvik executable"."""
    strings_at, _, types_at = (struct.unpack_from("<I", dex, at)[0] for at in (60, 64, 68))
    count, classes_at = struct.unpack_from("<II", dex, 96)

    def name(class_number: int) -> str:
        (type_number,) = struct.unpack_from("<I", dex, classes_at + 32 * class_number)
        (string_number,) = struct.unpack_from("<I", dex, types_at + 4 * type_number)
        (at,) = struct.unpack_from("<I", dex, strings_at + 4 * string_number)
        # The length in characters comes first, seven bits a byte.
        while dex[at] & 0x80:
            at += 1
        # As `Lname;`.
        return dex[at + 2 : dex.index(0, at + 2) - 1].decode()

    return {name(number) for number in range(count)}


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
