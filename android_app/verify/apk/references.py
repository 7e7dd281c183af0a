"""What compiled classes name, as R8's TraceReferences tells it."""

import re
from pathlib import Path

from apk.layout import FETCHED
from apk.tools import run
from topformer.errors import TopformerError

_TRACE = ("java", "-cp", FETCHED / "r8.jar", "com.android.tools.r8.tracereferences.TraceReferences")
# All that is missing is told first, before Java's own account of the end.
_ALL_LINES = 10_000


def find_missing(own: list[Path], libraries: list[Path], framework: Path) -> list[str]:
    """Say what jars name that is neither in them nor in libraries nor in the framework."""
    command = [*_TRACE, "--check", "--lib", framework]
    command += _each("--target", libraries) + _each("--source", own)
    try:
        run(*command, last=_ALL_LINES)
    except TopformerError as error:
        lines = {line.removeprefix("Error: ") for line in error.why.splitlines()}
        missing = sorted(line for line in lines if line.startswith("Missing "))
        if not missing:
            raise
        return missing
    return []


def find_members(own: list[Path], target: Path, others: list[Path]) -> set[str]:
    """List what jars name of another, as `CLASS.member(PARAMETERS): RESULT`.

    Members of a companion stand as those of its class: Kotlin calls them there where it knows that
    the class is one of Kotlin's.
    """
    command = [*_TRACE, "--keep-rules", "--target", target]
    said = run(*command, *_each("--lib", others), *_each("--source", own))
    members: set[str] = set()
    name = ""
    for line in said.splitlines():
        if (opened := re.match(r"-keep (?:class|interface|enum) (\S+)", line)) is not None:
            name = opened[1].removesuffix("$Companion")
        elif (found := re.fullmatch(r"  (?:[a-z]+ )*?(\S+) ([^\s(]+)(\(.*\))?;", line)) is not None:
            result, member, parameters = found.groups()
            if member != "Companion":
                members.add(f"{name}.{member}{parameters or ''}: {result}")
    return members


def _each(option: str, paths: list[Path]) -> list[str | Path]:
    return [word for path in paths for word in (option, path)]
