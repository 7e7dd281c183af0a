"""ExecuTorch for Android: its classes and native libraries, out of its AAR or a stand-in."""

import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from apk.layout import ANDROID_APP, FETCHED, RUNTIME
from apk.tools import require, run
from topformer.android.catalogue import read_versions
from topformer.android.sdk_free import NPM
from topformer.errors import TopformerError
from topformer.files import sha256_file

# Of react-native-executorch's archive, in the version that the catalogue names.
STAND_IN_SHA256 = "70a20a865b82f47ac46c82711d93c2038cf99eccbb9b287494219063f2217622"
# The AAR depends on fbjni, whose own archive is on Maven Central.
ORIGIN = RUNTIME / "origin"


def unpack_runtime(aar: Path | None, abis: tuple[str, ...]) -> None:
    """Fill the runtime's folder: executorch.jar, fbjni.jar and jni/ABI/*.so.

    Without an AAR the classes are ExecuTorch's own and the native library is another project's
    build of it, from npm: good for compiling and packaging, not for a phone. Raises
    `TopformerError` when an archive is not what it should be.
    """
    source = aar or fetch_stand_in()
    origin = f"{sha256_file(source)} {sha256_file(FETCHED / 'fbjni.aar')}"
    if ORIGIN.is_file() and ORIGIN.read_text() == origin:
        return
    shutil.rmtree(RUNTIME, ignore_errors=True)
    RUNTIME.mkdir(parents=True)
    if aar is None:
        _unpack_stand_in(source, abis)
    else:
        _unpack_aar(aar, "executorch.jar", abis)
    _unpack_aar(FETCHED / "fbjni.aar", "fbjni.jar", abis)
    ORIGIN.write_text(origin)


def fetch_stand_in() -> Path:
    """The npm package, fetched once. Raises `TopformerError` when its hash is not the known one."""
    version = read_versions(ANDROID_APP)["react-native-executorch"]
    path = FETCHED / f"react-native-executorch-{version}.tgz"
    if not path.is_file():
        require(NPM)
        with tempfile.TemporaryDirectory(dir=FETCHED) as folder:
            package = f"react-native-executorch@{version}"
            run("npm", "pack", "--silent", package, "--pack-destination", folder, cwd=FETCHED)
            (Path(folder) / path.name).replace(path)
    if (found := sha256_file(path)) != STAND_IN_SHA256:
        path.unlink()
        raise TopformerError(
            f"{path.name} is not the known archive.",
            why=f"Its SHA-256 is {found}, and should be {STAND_IN_SHA256}.",
            next_step="Run this again: it has been removed and will be fetched anew.",
        )
    return path


def _unpack_stand_in(source: Path, abis: tuple[str, ...]) -> None:
    wanted = {"package/android/libs/classes.jar": RUNTIME / "executorch.jar"}
    for abi in abis:
        name = f"package/third-party/android/libs/executorch/{abi}/libexecutorch.so"
        wanted[name] = RUNTIME / "jni" / abi / "libexecutorch.so"
    with tarfile.open(source) as archive:
        for member in archive:
            if (target := wanted.pop(member.name, None)) is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                stream = archive.extractfile(member)
                assert stream is not None
                target.write_bytes(stream.read())
    if wanted:
        raise TopformerError(f"{source.name} lacks {', '.join(sorted(wanted))}.")


def _unpack_aar(source: Path, jar: str, abis: tuple[str, ...]) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            (RUNTIME / jar).write_bytes(archive.read("classes.jar"))
            libraries = [PurePosixPath(name) for name in archive.namelist()]
            for abi in abis:
                folder = RUNTIME / "jni" / abi
                folder.mkdir(parents=True, exist_ok=True)
                found = [name for name in libraries if name.match(f"jni/{abi}/*.so")]
                if not found:
                    raise TopformerError(f"{source} has no native library for {abi}.")
                for name in found:
                    (folder / name.name).write_bytes(archive.read(str(name)))
    except (KeyError, zipfile.BadZipFile, OSError) as error:
        raise TopformerError(f"{source} is not an Android archive.", why=str(error)) from error
