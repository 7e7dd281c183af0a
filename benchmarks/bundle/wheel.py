"""ExecuTorch's headers and libraries: of the installed wheel, or of the one for aarch64."""

import base64
import csv
import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from topformer.archives import open_zip
from topformer.errors import TopformerError
from topformer.files import open_regular, sha256_bytes
from topformer.toolchain.programs import Missing, run_step

AARCH64_PLATFORM = "manylinux_2_28_aarch64"
DOWNLOAD_TIMEOUT_S = 900.0
# What a build needs of a wheel; its Python, tests and other backends stay in the archive.
WANTED = re.compile(
    r"executorch/(include/.*[^/]|share/cmake/[^/]+\.cmake"
    r"|lib/libexecutorch(_(backend_xnnpack|etdump|kernels_optimized|kernels_quantized|threadpool))?"
    r"\.so)"
)
# About 400 headers and 12 MB of libraries; a wheel with far more is not the one we know.
MOST_FILES = 5000
MOST_BYTES = 200 * 2**20
MOST_RECORD_BYTES = 4 * 2**20
# The real one has 60 MB, with all that is not unpacked.
MOST_ARCHIVE_BYTES = 2**30


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The executorch package of this Python."""

    folder: Path
    # As an index knows it: without a local part such as "+cpu".
    version: str


def find_installed() -> Installed | Missing:
    """Find the installed executorch without importing it."""
    missing = Missing(what="executorch's C++ libraries", remedy="`pip install 'executorch>=1.5.1'`")
    try:
        found = distribution("executorch")
    except PackageNotFoundError:
        return missing
    folder = Path(str(found.locate_file("executorch")))
    if not (folder / "share/cmake/executorch-config.cmake").is_file():
        return missing
    return Installed(folder=folder, version=found.version.partition("+")[0])


def hash_of_installed() -> str:
    """Tell the installed executorch from another build of its version: by its list of files."""
    files = distribution("executorch").files or ()
    listed = (f"{one} {one.hash.value if one.hash else ''}" for one in files)
    return sha256_bytes("\n".join(sorted(listed)).encode(errors="surrogateescape"))


def find_pip() -> Missing | None:
    """Say what is missing when this Python has no pip, as in environments that uv makes."""
    if find_spec("pip") is not None:
        return None
    return Missing(what="pip", remedy=f"`{Path(sys.executable).name} -m ensurepip`")


def download_wheel(version: str, folder: Path) -> Path:
    """Fetch the aarch64 wheel of one version into an empty folder with this Python's pip."""
    run_step(
        f"Downloading executorch {version} for aarch64",
        [
            sys.executable,
            # Nothing in the folder at hand is taken for pip.
            "-P",
            "-m",
            "pip",
            "download",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={sys.version_info.major}.{sys.version_info.minor}",
            f"--platform={AARCH64_PLATFORM}",
            f"--dest={folder}",
            f"executorch=={version}",
        ],
        timeout_s=DOWNLOAD_TIMEOUT_S,
    )
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise TopformerError(f"pip downloaded {len(wheels)} wheels where one was asked for.")
    return wheels[0]


def unpack_wheel(wheel: Path, folder: Path, *, version: str) -> Path:
    """Unpack what a build needs, each file checked against the wheel's record.

    Returns the folder `executorch` inside `folder`. Raises `TopformerError` for a file that is no
    wheel, is another one, or does not hold what its record says.
    """
    with (
        open_regular(wheel, limit_bytes=MOST_ARCHIVE_BYTES, kind="wheel") as stream,
        open_zip(stream, called=wheel.name, most_bytes=MOST_ARCHIVE_BYTES) as archive,
    ):
        record = _record(archive, version)
        members = list(_wanted_members(archive, wheel))
        for member in members:
            _unpack_member(archive, member, folder, record.get(member.filename, ""))
    return folder / "executorch"


def _wanted_members(archive: zipfile.ZipFile, wheel: Path) -> Iterator[zipfile.ZipInfo]:
    members = [info for info in archive.infolist() if WANTED.fullmatch(info.filename)]
    size_bytes = sum(info.file_size for info in members)
    if not members or len(members) > MOST_FILES or size_bytes > MOST_BYTES:
        raise TopformerError(
            f"{wheel.name} is not a wheel that the runner can be built from.",
            why=f"It has {len(members):,} headers and libraries of {size_bytes:,} bytes.",
        )
    for info in members:
        if ".." in PurePosixPath(info.filename).parts or "\\" in info.filename:
            raise TopformerError(f"{wheel.name} has a file with an unsafe name: {info.filename!r}.")
        yield info


def _record(archive: zipfile.ZipFile, version: str) -> dict[str, str]:
    """Hashes by file name, as in "sha256=...": RECORD of the wheel format."""
    name = next(
        (
            name
            for name in archive.namelist()
            if re.fullmatch(rf"executorch-{re.escape(version)}(\+[^/]*)?\.dist-info/RECORD", name)
        ),
        None,
    )
    if name is None or archive.getinfo(name).file_size > MOST_RECORD_BYTES:
        raise TopformerError(f"The archive is not the wheel of executorch {version}.")
    rows = csv.reader(io.StringIO(archive.read(name).decode("utf-8", errors="replace")))
    return {row[0]: row[1] for row in rows if len(row) >= 2}


def _unpack_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, expected: str
) -> None:
    data = archive.read(member)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    if expected != f"sha256={digest}":
        raise TopformerError(f"{member.filename} in the wheel is not what its record says.")
    path = folder / member.filename
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
