"""Build the C++ runner into a bundle: the program, and every library it needs beside it.

A bundle lies in the user's cache, in a folder named after all that went into it; it is built once,
checked each time it is used, and appears whole or not at all.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from topformer.benchmarks.bundle import wheel
from topformer.benchmarks.bundle.plan import (
    AARCH64_LOADER,
    SOURCE_FOLDER,
    NdkPaths,
    Plan,
    TargetName,
    plan_bundle,
)
from topformer.documents import (
    Count,
    Document,
    SchemaName,
    Sha256,
    ShortText,
    encode_document,
    read_document,
)
from topformer.errors import TopformerError
from topformer.files import ensure_writable_folder, sha256_file
from topformer.temporary import temporary_folder
from topformer.toolchain import cpp
from topformer.toolchain.cpp import Toolchain
from topformer.toolchain.programs import run_step

PROGRAM = "topformer-runner"
DESCRIPTION = "bundle.json"
DESCRIPTION_LIMIT_BYTES = 2**20

OnProgress = Callable[[str], None]
# Never a path: a description cannot point out of its folder, here or on a device.
FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,254}$")]


class BundleFile(Document, frozen=True, kw_only=True):
    """One file of a bundle."""

    name: FileName
    size_bytes: Count
    sha256: Sha256


class Bundle(Document, frozen=True, kw_only=True):
    """What a bundle is made of: `bundle.json` in its folder."""

    schema: SchemaName = "topformer.runner-bundle/1"
    target: TargetName
    runtime: Literal["executorch"] = "executorch"
    # Of ExecuTorch.
    runtime_version: ShortText
    compiler: ShortText
    # The program that loads the runner's libraries; none where the system's own does.
    loader: FileName | None
    files: tuple[BundleFile, ...]

    @property
    def size_bytes(self) -> int:
        """Size of all files."""
        return sum(file.size_bytes for file in self.files)

    def command(self, folder: str) -> list[str]:
        """How the runner is started where the bundle lies in `folder`, here or on a device."""
        program = f"{folder}/{PROGRAM}"
        if self.loader is None:
            return [program]
        # The device's own cache of libraries must not be asked: it is of another C library.
        return [f"{folder}/{self.loader}", "--inhibit-cache", "--library-path", folder, program]


@dataclass(frozen=True, kw_only=True)
class BuiltBundle:
    """A bundle in the cache."""

    folder: Path
    bundle: Bundle
    # False when it was there already.
    is_new: bool

    @property
    def command(self) -> list[str]:
        """How to start the runner on this machine."""
        return self.bundle.command(str(self.folder))


def default_cache() -> Path:
    """Where this user's bundles lie."""
    import platformdirs  # noqa: PLC0415

    return platformdirs.user_cache_path("topformer") / "runner"


def build_bundle(
    target: str, *, cache: Path, on_progress: OnProgress, ndk: NdkPaths | None = None
) -> BuiltBundle:
    """Return the bundle of a target from `cache`, built first if it is not there.

    Raises `UsageError` for an unknown target, and `TopformerError` that names all missing programs
    and packages, or the step that failed.
    """
    plan = plan_bundle(target, ndk)
    from filelock import FileLock  # noqa: PLC0415

    ensure_writable_folder(cache)
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{plan.target}-{plan.key()}"
    with FileLock(cache / f".{plan.target}.lock"):
        bundle = read_bundle(folder)
        if bundle is not None:
            return BuiltBundle(folder=folder, bundle=bundle, is_new=False)
        with temporary_folder(cache) as scratch:
            made = _build(plan, scratch, on_progress)
            # A damaged one makes room; nobody finds a folder that is half there.
            if folder.exists():
                folder.rename(scratch / "damaged")
            made.rename(folder)
    bundle = read_bundle(folder)
    assert bundle is not None
    return BuiltBundle(folder=folder, bundle=bundle, is_new=True)


def open_bundle(folder: Path) -> BuiltBundle:
    """Open a bundle that lies somewhere; raises `TopformerError` when it is not a whole one."""
    bundle = read_bundle(folder)
    if bundle is None:
        raise TopformerError(
            f"{folder} holds no whole bundle of the runner.",
            next_step="Make one with `topformer runner build`, which prints its folder.",
        )
    return BuiltBundle(folder=folder, bundle=bundle, is_new=False)


def read_bundle(folder: Path) -> Bundle | None:
    """Read and check a bundle; None when it is not there or not what its description says."""
    with suppress(TopformerError, OSError):
        bundle = read_document(
            folder / DESCRIPTION,
            Bundle,
            limit_bytes=DESCRIPTION_LIMIT_BYTES,
            called="bundle's description",
        )
        if all(_is_whole(folder, file) for file in bundle.files):
            return bundle
    return None


def _is_whole(folder: Path, file: BundleFile) -> bool:
    path = folder / file.name
    return sha256_file(path) == file.sha256 and path.stat().st_size == file.size_bytes


def _build(plan: Plan, scratch: Path, on_progress: OnProgress) -> Path:
    """Make the bundle in a scratch folder and return where."""
    executorch = plan.executorch or _fetch(plan, scratch, on_progress)
    build, made = scratch / "build", scratch / "bundle"
    cmake = plan.toolchain.cmake
    on_progress("configuring the runner")
    run_step(
        "Configuring the runner",
        [
            cmake,
            f"-S{SOURCE_FOLDER}",
            f"-B{build}",
            "-DCMAKE_BUILD_TYPE=Release",
            f"-Dexecutorch_DIR={executorch}",
            *plan.options,
        ],
    )
    on_progress("compiling the runner")
    jobs = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    run_step("Compiling the runner", [cmake, "--build", build, "--parallel", jobs])
    run_step("Collecting the runner", [cmake, "--install", build, "--prefix", made])
    if plan.target == "aarch64":
        add_system_libraries(made, plan.toolchain)
    _describe(plan, made)
    return made


def _fetch(plan: Plan, scratch: Path, on_progress: OnProgress) -> Path:
    on_progress(f"fetching executorch {plan.version} for aarch64")
    fetched = wheel.download_wheel(plan.version, scratch / "wheel")
    on_progress("unpacking executorch")
    unpacked = wheel.unpack_wheel(fetched, scratch / "unpacked", version=plan.version)
    return unpacked / "share" / "cmake"


def _describe(plan: Plan, made: Path) -> None:
    bundle = Bundle(
        target=plan.target,
        runtime_version=plan.version,
        compiler=plan.toolchain.compiler_version,
        loader=AARCH64_LOADER if plan.target == "aarch64" else None,
        files=tuple(
            BundleFile(name=path.name, size_bytes=path.stat().st_size, sha256=sha256_file(path))
            for path in sorted(made.iterdir())
        ),
    )
    (made / DESCRIPTION).write_bytes(encode_document(bundle))


def add_system_libraries(folder: Path, toolchain: Toolchain) -> None:
    """Copy the loader and every library that is asked for but not in the bundle yet.

    Android has another C library, so the runner brings its own. Raises `TopformerError` when the
    compiler lacks one: the runner would not start.
    """
    assert toolchain.readelf is not None
    wanted = [AARCH64_LOADER]
    wanted += [
        name
        for path in sorted(folder.iterdir())
        for name in cpp.needed_libraries(toolchain.readelf, path)
    ]
    while wanted:
        name = wanted.pop()
        if (folder / name).exists():
            continue
        source = cpp.library_of_compiler(toolchain.compiler, name)
        if source is None:
            raise TopformerError(
                f"The runner needs {name}, which {toolchain.compiler.name} does not have.",
                next_step="Install `libc6-arm64-cross` and `libstdc++6-arm64-cross`.",
            )
        shutil.copyfile(source, folder / name)
        (folder / name).chmod(0o755)
        wanted += cpp.needed_libraries(toolchain.readelf, folder / name)
