"""From dex files and resources to a signed APK."""

import shutil
import zipfile
from pathlib import Path

from apk.layout import ASSETS, RUNTIME, TARGET, AppFacts
from apk.resources import LINKED_APK
from apk.tools import run

# Android maps native libraries and models from the APK where they lie on a page's border; newer
# phones have pages of 16 KB. Source: developer.android.com, "Support 16 KB page sizes".
PAGE_BYTES = 16384
STORED_SUFFIXES = (".so", ".pte", ".arsc")
DEBUG_KEY = TARGET / "debug.keystore"
# The password that Android's own tools give to debug keys.
DEBUG_PASSWORD = "android"  # noqa: S105


def make_apk(facts: AppFacts, dex: list[Path], apk: Path) -> None:
    """Pack, align and sign. Raises `TopformerError` when a tool fails."""
    unaligned, aligned = TARGET / "unaligned.apk", TARGET / "aligned.apk"
    shutil.copyfile(LINKED_APK, unaligned)
    with zipfile.ZipFile(unaligned, "a", zipfile.ZIP_DEFLATED) as archive:
        for path in dex:
            _add(archive, path, path.name)
        for path in sorted((RUNTIME / "jni").glob("*/*.so")):
            _add(archive, path, f"lib/{path.parent.name}/{path.name}")
        for name in packed_assets(ASSETS):
            _add(archive, ASSETS / name, f"assets/{name.as_posix()}")
    run("zipalign", "-f", str(PAGE_BYTES), unaligned, aligned)
    _sign(facts, aligned, apk)


def packed_assets(folder: Path) -> list[Path]:
    """Files that go into the APK, as with Gradle: no hidden ones, which half-written models are."""
    found = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [path for path in found if not any(part.startswith(".") for part in path.parts)]


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    # A fixed date, so that equal contents make equal archives.
    entry = zipfile.ZipInfo(name, (1981, 1, 1, 1, 1, 2))
    stored = path.suffix in STORED_SUFFIXES
    entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    archive.writestr(entry, path.read_bytes())


def _sign(facts: AppFacts, aligned: Path, apk: Path) -> None:
    password = f"pass:{DEBUG_PASSWORD}"
    if not DEBUG_KEY.is_file():
        key = ["keytool", "-genkeypair", "-keystore", DEBUG_KEY, "-storepass", DEBUG_PASSWORD]
        key += ["-alias", "debug", "-keyalg", "RSA", "-keysize", "2048", "-validity", "10000"]
        run(*key, "-dname", "CN=Android Debug, O=Android, C=US")
    sign = ["apksigner", "sign", "--ks", DEBUG_KEY, "--ks-pass", password]
    sign += ["--min-sdk-version", str(facts.min_sdk), "--v4-signing-enabled", "false"]
    run(*sign, "--in", aligned, "--out", apk)
