"""C++: CMake and compilers, and what a binary needs."""

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from topformer.errors import TopformerError
from topformer.toolchain.programs import Missing, ask_program, first_line_of

CMAKE_MINIMUM = (3, 28)
ERROR_LIMIT_BYTES = 4000


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """The programs of one build."""

    cmake: Path
    compiler: Path
    compiler_version: str
    # Of the same target as the compiler; None where no foreign libraries are packed.
    readelf: Path | None


def find_cmake() -> Path | Missing:
    """Find a CMake that is new enough: beside this Python, where pip puts it, or on the PATH."""
    beside = shutil.which("cmake", path=str(Path(sys.executable).parent))
    rejected: list[str] = []
    for found in (beside, shutil.which("cmake")):
        if found is None:
            continue
        version = _cmake_version(Path(found))
        if version >= CMAKE_MINIMUM:
            return Path(found)
        rejected.append(f"{found} is {'.'.join(map(str, version)) or 'broken'}")
    wanted = ".".join(map(str, CMAKE_MINIMUM))
    what = f"cmake {wanted} or newer"
    if rejected:
        what += f" ({rejected[0]})"
    return Missing(what=what, remedy=f"`pip install 'cmake>={wanted}'`")


def _cmake_version(cmake: Path) -> tuple[int, ...]:
    match = re.search(r"([0-9]{1,4})\.([0-9]{1,4})", first_line_of(cmake))
    return (int(match[1]), int(match[2])) if match else ()


def find_make() -> Missing | None:
    """Say what is missing when the program that CMake drives unless told otherwise is not there."""
    if shutil.which("make"):
        return None
    return Missing(what="make", remedy="`apt install make`")


def needed_libraries(readelf: Path, binary: Path) -> list[str]:
    """Names of the shared libraries that a binary asks for."""
    done = ask_program(readelf, "--dynamic", "--wide", str(binary))
    if done.exit_status != 0:
        raise TopformerError(
            f"{binary.name} cannot be read as a program.",
            why=done.stderr.decode(errors="replace")[:ERROR_LIMIT_BYTES].strip(),
        )
    text = done.stdout.decode(errors="replace")
    return re.findall(r"\(NEEDED\)\s+Shared library: \[([^\]/]+)\]", text)


def library_of_compiler(compiler: Path, name: str) -> Path | None:
    """Where a cross compiler keeps a library of its target; None when it has none of that name."""
    done = ask_program(compiler, f"-print-file-name={name}")
    # It answers with the bare name when there is no such file.
    path = Path(done.stdout.decode(errors="replace").strip())
    return path.resolve() if path.is_absolute() and path.is_file() else None
