"""`topformer doctor`: what this machine has, what works, and what to do about the rest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import JsonOption, print_document, print_lines, spinner

if TYPE_CHECKING:
    from rich.table import Table

    from topformer.cli.documents import Check

PACKAGES = (
    "topformer", "torch", "torchvision", "executorch", "torchao",
    "onnx", "onnxscript", "onnxsim", "onnxruntime", "numpy", "pillow",
)  # fmt: skip

TOOLS = {
    "adb": "to measure on devices: install Android's platform-tools (Debian: `apt install adb`)",
    "g++": "to build the C++ runner for this machine: `apt install g++`",
    "aarch64-linux-gnu-g++": "to build the runner for ARM: `apt install g++-aarch64-linux-gnu`",
}

PROBE_TIMEOUT_S = 120


def doctor(
    json: JsonOption = False,
    skip_runtimes: Annotated[
        bool, typer.Option("--skip-runtimes", help="Do not run a model in each runtime.")
    ] = False,
) -> None:
    """Check this machine: versions, whether each runtime runs a model, adb and compilers.

    Changes nothing. Exits with 1 when something the toolchain needs does not work.

    Example:

      topformer doctor
    """
    import platform  # noqa: PLC0415

    from topformer.cli.documents import DoctorDocument  # noqa: PLC0415
    from topformer.cli.tables import print_table  # noqa: PLC0415

    checks = [_package(name) for name in PACKAGES]
    if not skip_runtimes:
        with spinner("running a model in each runtime"):
            checks += [_runtime(name) for name in _runtime_names()]
    checks += [*(_tool(name, purpose) for name, purpose in TOOLS.items()), _cmake()]
    healthy = all(check.state in {"ok", "optional"} for check in checks)
    print_table(_table(checks))
    if json:
        print_document(
            DoctorDocument(
                python=platform.python_version(),
                machine=f"{platform.system()} {platform.machine()}",
                healthy=healthy,
                checks=tuple(checks),
            )
        )
    else:
        print_lines(["healthy" if healthy else "NOT healthy"])
    raise typer.Exit(0 if healthy else 1)


def _package(name: str) -> Check:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    from topformer.cli.documents import Check  # noqa: PLC0415

    try:
        return Check(name=name, kind="package", state="ok", detail=version(name))
    except PackageNotFoundError:
        return Check(
            name=name,
            kind="package",
            state="missing",
            detail="not installed",
            remedy="`pip install topformer` brings it",
        )


def _runtime_names() -> list[str]:
    """Name torch and every runtime of exported files; torch alone where those are not importable.

    Its probe imports them too, and says what is wrong with them.
    """
    try:
        from topformer.runtimes.exported import runtime_names  # noqa: PLC0415
    except ImportError:
        return ["torch"]
    return ["torch", *runtime_names()]


def _runtime(name: str) -> Check:
    """Run a small network in a process of its own, so that a crash is a finding and no more."""
    import subprocess  # noqa: PLC0415

    from topformer.cli.documents import Check  # noqa: PLC0415

    try:
        result = subprocess.run(
            [sys.executable, "-m", "topformer.cli.probe", name],
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Check(
            name=name,
            kind="runtime",
            state="failed",
            detail=f"did not answer within {PROBE_TIMEOUT_S} s",
            remedy="look for another process that uses all cores",
        )
    if result.returncode == 0:
        return Check(name=name, kind="runtime", state="ok", detail=result.stdout.strip()[-200:])
    complaint = (result.stderr.strip().splitlines() or [f"exit {result.returncode}"])[-1]
    return Check(
        name=name,
        kind="runtime",
        state="failed",
        detail=complaint[:200],
        remedy="reinstall with `pip install --force-reinstall topformer` in a new environment",
    )


def _tool(name: str, purpose: str) -> Check:
    import shutil  # noqa: PLC0415

    from topformer.cli.documents import Check  # noqa: PLC0415

    path = shutil.which(name)
    if path is None:
        return Check(name=name, kind="tool", state="optional", detail="not found", remedy=purpose)
    return Check(name=name, kind="tool", state="ok", detail=path)


def _cmake() -> Check:
    """Look for a CMake that is new enough, where `runner build` looks."""
    from topformer.cli.documents import Check  # noqa: PLC0415
    from topformer.toolchain.cpp import find_cmake  # noqa: PLC0415
    from topformer.toolchain.programs import Missing  # noqa: PLC0415

    found = find_cmake()
    if isinstance(found, Missing):
        remedy = f"to build the C++ runner: {found.remedy}"
        return Check(
            name="cmake", kind="tool", state="optional", detail=f"no {found.what}", remedy=remedy
        )
    return Check(name="cmake", kind="tool", state="ok", detail=str(found))


def _table(checks: list[Check]) -> Table:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    colours = {"ok": "green", "failed": "bold red", "missing": "bold red", "optional": "yellow"}
    table = Table(title="topformer doctor", title_justify="left")
    for heading in ("what", "state"):
        table.add_column(heading)
    for heading in ("found", "what to do"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        colour = colours[check.state]
        state = Text(check.state, style=colour)
        table.add_row(check.name, state, check.detail, check.remedy)
    return table
