"""androidx as one library: the classes of its archives in one jar, their resources beside it.

Maven puts no Android archive on a class path, and Gradle takes them as they are. The rules that
archives bring for R8 go into the jar, where R8 looks for those of plain jars.
"""

import io
import shutil
import zipfile
from pathlib import Path

from apk.layout import ANDROIDX, FETCHED
from topformer.errors import TopformerError

JAR = ANDROIDX / "androidx.jar"
# Fetched anew for each build, so that nothing stays that the build no longer names.
FETCHED_ARCHIVES = FETCHED / "androidx"


def unpack_androidx() -> None:
    """Make the jar, and a folder for each archive. Raises `TopformerError` at a clash."""
    shutil.rmtree(ANDROIDX, ignore_errors=True)
    ANDROIDX.mkdir()
    files: dict[str, bytes] = {}
    for path in sorted(FETCHED_ARCHIVES.iterdir()):
        for name, content in _for_the_jar(path).items():
            if files.setdefault(name, content) != content:
                raise TopformerError(f"{path.name} has another {name} than an archive before it.")
    with zipfile.ZipFile(JAR, "w") as jar:
        for name, content in files.items():
            jar.writestr(name, content)
    with zipfile.ZipFile(FETCHED / "androidx-monitor.aar") as archive:
        (FETCHED / "androidx-monitor.jar").write_bytes(archive.read("classes.jar"))


def unpacked_archives() -> list[Path]:
    """Folders with an AndroidManifest.xml, an R.txt, and maybe resources in res/."""
    return sorted(path.parent for path in ANDROIDX.glob("*/AndroidManifest.xml"))


def _for_the_jar(path: Path) -> dict[str, bytes]:
    if path.suffix == ".jar":
        return _classes(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        described = [name for name in names if name.startswith("res/")]
        archive.extractall(
            ANDROIDX / path.stem, members=[*described, "AndroidManifest.xml", "R.txt"]
        )
        files = _classes(archive.read("classes.jar"))
        if "proguard.txt" in names:
            files[f"META-INF/proguard/{path.stem}.pro"] = archive.read("proguard.txt")
        return files


def _classes(jar: bytes) -> dict[str, bytes]:
    """All files but the manifest, of which every jar has its own."""
    with zipfile.ZipFile(io.BytesIO(jar)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return {name: archive.read(name) for name in names if name != "META-INF/MANIFEST.MF"}
