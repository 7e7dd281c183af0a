"""ExecuTorch's own Android archive, `org.pytorch:executorch-android`: is a file really that?"""

import io
import re
from dataclasses import dataclass
from pathlib import Path

from topformer.archives import open_zip
from topformer.documents import Sha256
from topformer.errors import TopformerError, UsageError
from topformer.files import open_regular, sha256_file

# Of the archives on Maven Central, by version, as a stranger's lock file has them. That is no
# proof: it is told to the user, who confirms a hash.
HEARSAY_SHA256 = {"1.5.1": "d67d39eb51e00c996162e1d9898519a622918b20e4e18ea479f5fee4fe920e72"}
HEARSAY = "training/android/runtime_lock.json of github.com/Y1X0/Voise"
# What the app calls, and what the runtime loads.
CLASS = "org/pytorch/executorch/Module.class"
LIBRARY = "libexecutorch.so"
# The real one has 20 MB or so, most of it libraries, which are not unpacked here.
SIZE_LIMIT_BYTES = 2**29
CLASSES_LIMIT_BYTES = 2**26


@dataclass(frozen=True, kw_only=True)
class CheckedAar:
    """An archive that is what it was said to be."""

    path: Path
    sha256: Sha256
    abis: tuple[str, ...]


def archive_name(version: str) -> str:
    """How to find the archive of a version; its hash lies beside it."""
    return f"executorch-android-{version}.aar of Maven Central's org.pytorch:executorch-android"


def check_aar(path: Path, *, version: str, sha256: str | None) -> CheckedAar:
    """Hold an archive to a version of ExecuTorch and the hash that the user confirms.

    Raises `UsageError` that tells its hash when none is passed, and `TopformerError` when it is
    something else.
    """
    if not path.is_file():
        raise UsageError(
            f"There is no archive {path}.", next_step=f"Download {archive_name(version)}."
        )
    named = re.fullmatch(r"executorch-android-(\d[\w.-]*)\.aar", path.name)
    if named is not None and named[1] != version:
        raise TopformerError(
            f"{path.name} is ExecuTorch {named[1]}; the app is built with {version}.",
            why="gradle/libs.versions.toml names the version: that of the exporter.",
            next_step=f"Download {archive_name(version)}.",
        )
    found = sha256_file(path)
    if sha256 is None:
        raise UsageError(
            f"Nobody has confirmed that {path} is ExecuTorch {version}.",
            why=f"Its SHA-256 is {found}. {_hearsay(version, found)}",
            next_step=f"Compare it with that beside {archive_name(version)}, then confirm it: "
            f"--aar-sha256 {found}.",
        )
    if found != sha256.lower():
        raise TopformerError(
            f"{path} is not the archive of ExecuTorch {version}.",
            why=f"Its SHA-256 is {found}; {sha256.lower()} was passed. {_hearsay(version, found)}",
            next_step=f"Download {archive_name(version)} again.",
        )
    return CheckedAar(path=path.resolve(), sha256=found, abis=_look_into(path))


def _hearsay(version: str, found: str) -> str:
    heard = HEARSAY_SHA256.get(version)
    if heard is None:
        return "No other source of it is known here."
    named = "the same" if heard == found else f"another, {heard}"
    return f"A stranger's lock file, {HEARSAY}, names {named}."


def _look_into(path: Path) -> tuple[str, ...]:
    """Return the ABIs that it has the runtime for."""
    with (
        open_regular(path, limit_bytes=SIZE_LIMIT_BYTES, kind="Android archive") as stream,
        open_zip(stream, called=str(path), most_bytes=SIZE_LIMIT_BYTES) as archive,
    ):
        names = archive.namelist()
        if archive.getinfo("classes.jar").file_size > CLASSES_LIMIT_BYTES:
            raise TopformerError(f"{path} is too large to be ExecuTorch.")
        jar = io.BytesIO(archive.read("classes.jar"))
    with open_zip(jar, called=f"classes.jar in {path}", most_bytes=CLASSES_LIMIT_BYTES) as classes:
        has_class = CLASS in classes.namelist()
    libraries = (re.fullmatch(rf"jni/([\w-]+)/{re.escape(LIBRARY)}", name) for name in names)
    abis = tuple(sorted({found[1] for found in libraries if found}))
    if not has_class or not abis:
        lacking = CLASS if not has_class else f"jni/*/{LIBRARY}"
        raise TopformerError(f"{path} is not ExecuTorch.", why=f"It has no {lacking}.")
    return abis
