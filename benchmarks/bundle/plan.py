"""What a bundle of the runner is made of, and what this machine lacks for it."""

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from topformer.benchmarks.bundle import wheel
from topformer.benchmarks.bundle.wheel import Installed
from topformer.errors import TopformerError, UsageError
from topformer.files import read_text, sha256_bytes, sha256_file
from topformer.toolchain import cpp, programs
from topformer.toolchain.cpp import Toolchain
from topformer.toolchain.programs import Missing

SOURCE_FOLDER = Path(__file__).parents[1] / "runner"
# An editor keeps files of its own there, whose names begin with a dot.
_SOURCES = ("CMakeLists.txt", "[!.]*.cmake", "[!.]*.cpp", "[!.]*.h")
KEY_CHARACTERS = 20
# What the C++ libraries of the cross compiler are made of, each from a package of its own.
SYSTEM_LIBRARIES = ("libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1")
AARCH64_LOADER = "ld-linux-aarch64.so.1"
# Every build of ExecuTorch since 1.2 installs it; its wheels do not.
VERSION_HEADER = "include/executorch/runtime/core/version.h"
HEADER_LIMIT_BYTES = 2**16

TargetName = Literal["host", "aarch64", "ndk"]
TARGETS: tuple[TargetName, ...] = get_args(TargetName)


@dataclass(frozen=True, kw_only=True)
class NdkPaths:
    """Where a user keeps Android's NDK, and ExecuTorch built with it and installed."""

    ndk: Path
    executorch: Path


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that goes into one bundle."""

    target: TargetName
    toolchain: Toolchain
    # Of ExecuTorch.
    version: str
    # Where find_package looks; None where the wheel is fetched first.
    executorch: Path | None
    options: tuple[str, ...] = ()
    # What else goes in, as it is now: a version or a path stays when the files behind it change.
    contents: tuple[str, ...] = ()

    def key(self) -> str:
        """Name what goes in, so that another compiler, library or source makes another bundle."""
        facts = [
            self.target,
            self.version,
            str(self.executorch),
            str(self.toolchain.compiler),
            self.toolchain.compiler_version,
            *self.options,
            *self.contents,
        ]
        sources = [path for glob in _SOURCES for path in SOURCE_FOLDER.glob(glob)]
        # How it is built stands in the modules beside this one.
        for source in sorted([*sources, *Path(__file__).parent.glob("*.py")]):
            facts += [source.name, sha256_file(source)]
        return sha256_bytes("\n".join(facts).encode())[:KEY_CHARACTERS]


def plan_bundle(target: str, ndk: NdkPaths | None) -> Plan:
    """Find all that a bundle is made of.

    Raises `UsageError` for an unknown target, and `TopformerError` that names all that is missing.
    """
    if target not in TARGETS:
        raise UsageError(
            f"There is no target called {target!r}.",
            next_step=f"Choose one of {', '.join(TARGETS)}.",
        )
    if (target == "ndk") != (ndk is not None):
        raise UsageError(
            "The target ndk needs Android's NDK and ExecuTorch built with it; no other takes them.",
            next_step="Pass all of `topformer runner build --target ndk --ndk FOLDER --executorch "
            "FOLDER`.",
        )
    if ndk is not None:
        return _plan_ndk(ndk)
    return _plan_aarch64() if target == "aarch64" else _plan_host()


def _plan_host() -> Plan:
    if platform.system() != "Linux":
        raise TopformerError(
            "The runner is built on Linux only.",
            why=f"This is {platform.system()}, for which its wheel has not been tried.",
        )
    installed = wheel.find_installed()
    cmake, compiler = cpp.find_cmake(), programs.find_program("g++", package="g++")
    programs.refuse_missing(installed, cmake, compiler, cpp.find_make(), what="The runner for host")
    assert isinstance(installed, Installed)
    return Plan(
        target="host",
        toolchain=_toolchain(cmake, compiler, None),
        version=installed.version,
        executorch=installed.folder / "share" / "cmake",
        options=(f"-DCMAKE_CXX_COMPILER={compiler}",),
        contents=(wheel.hash_of_installed(),),
    )


def _plan_aarch64() -> Plan:
    installed = wheel.find_installed()
    cmake = cpp.find_cmake()
    compiler, readelf = (
        programs.find_program(f"aarch64-linux-gnu-{name}", package=package)
        for name, package in (
            ("g++", "g++-aarch64-linux-gnu"),
            ("readelf", "binutils-aarch64-linux-gnu"),
        )
    )
    make, pip = cpp.find_make(), wheel.find_pip()
    programs.refuse_missing(
        *(installed, cmake, compiler, readelf, make, pip), what="The runner for aarch64"
    )
    assert isinstance(installed, Installed)
    return Plan(
        target="aarch64",
        toolchain=_toolchain(cmake, compiler, readelf),
        version=installed.version,
        executorch=None,
        options=(
            "-DCMAKE_SYSTEM_NAME=Linux",
            "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
            f"-DCMAKE_CXX_COMPILER={compiler}",
        ),
        contents=tuple(_hashes_of_libraries(compiler)),
    )


def _hashes_of_libraries(compiler: Path | Missing) -> Iterator[str]:
    assert not isinstance(compiler, Missing)
    for name in (AARCH64_LOADER, *SYSTEM_LIBRARIES):
        path = cpp.library_of_compiler(compiler, name)
        yield f"{name} {'' if path is None else sha256_file(path)}"


def _plan_ndk(paths: NdkPaths) -> Plan:
    toolchain_file = paths.ndk / "build/cmake/android.toolchain.cmake"
    package = paths.executorch / "lib/cmake/ExecuTorch"
    version_header = paths.executorch / VERSION_HEADER
    cmake = cpp.find_cmake()
    found: list[object] = [cmake, cpp.find_make()]
    for path, name, remedy in (
        (
            toolchain_file,
            "Android's NDK",
            "the NDK with Android's SDK manager, and pass its folder",
        ),
        (
            package / "executorch-config.cmake",
            "ExecuTorch for Android",
            "ExecuTorch built from source for Android, and pass the folder it was installed to",
        ),
        (version_header, "ExecuTorch's version", "ExecuTorch 1.2 or newer, which has this header"),
    ):
        if not path.is_file():
            found.append(Missing(what=f"{name} (no {path})", remedy=remedy))
    programs.refuse_missing(*found, what="The runner for ndk")
    toolchain = _toolchain(cmake, toolchain_file, None)
    return Plan(
        target="ndk",
        toolchain=replace(toolchain, compiler_version=_ndk_compiler(paths.ndk)),
        version=_version_in(version_header),
        executorch=package.resolve(),
        options=(
            f"-DCMAKE_TOOLCHAIN_FILE={toolchain_file.resolve()}",
            "-DANDROID_ABI=arm64-v8a",
            "-DANDROID_PLATFORM=android-28",
            "-DANDROID_STL=c++_static",
        ),
        contents=tuple(
            f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}"
            for path in sorted((paths.executorch / "lib").glob("*.a"))
        ),
    )


def _ndk_compiler(ndk: Path) -> str:
    """Name an NDK's compiler and its version, or the NDK where that cannot be asked."""
    for compiler in sorted(ndk.glob("toolchains/llvm/prebuilt/*/bin/clang++")):
        if version := programs.first_line_of(compiler):
            return version
    return f"clang of the NDK in {ndk.name}"


def _version_in(header: Path) -> str:
    found = re.search(
        r'^#define ET_VERSION "([0-9.]{1,30})"$',
        read_text(header, limit_bytes=HEADER_LIMIT_BYTES, kind="header"),
        re.MULTILINE,
    )
    if found is None:
        raise TopformerError(
            f"{header} does not tell ExecuTorch's version.",
            why="It defines no ET_VERSION as ExecuTorch 1.5 does.",
            next_step="Build and install ExecuTorch for Android again.",
        )
    return found[1]


def _toolchain(
    cmake: Path | Missing, compiler: Path | Missing, readelf: Path | Missing | None
) -> Toolchain:
    """Put together what has been found; the caller has refused what is missing."""
    assert not isinstance(cmake, Missing)
    assert not isinstance(compiler, Missing)
    assert not isinstance(readelf, Missing)
    is_program = os.access(compiler, os.X_OK)
    return Toolchain(
        cmake=cmake,
        compiler=compiler,
        compiler_version=programs.first_line_of(compiler) if is_program else compiler.name,
        readelf=readelf,
    )
