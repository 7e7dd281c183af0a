"""What `topformer doctor` does: look at what this machine has, and what to do about the rest."""

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from rich.table import Table
from rich.text import Text

from topformer.children import EndlessOutputError, run_bounded
from topformer.console.output import print_result
from topformer.console.progress import spinner
from topformer.console.tables import print_table
from topformer.documents import Document, SchemaName
from topformer.toolchain.cpp import find_cmake
from topformer.toolchain.programs import Missing

PACKAGES = (
    "topformer", "torch", "torchvision", "executorch", "torchao",
    "onnx", "onnxscript", "onnxsim", "onnxruntime", "numpy", "pillow", "pycocotools",
)  # fmt: skip

TOOLS = {
    "adb": "to measure on devices: install Android's platform-tools (Debian: `apt install adb`)",
    "g++": "to build the C++ runner for this machine: `apt install g++`",
    "aarch64-linux-gnu-g++": "to build the runner for ARM: `apt install g++-aarch64-linux-gnu`",
}


PROBE_TIMEOUT_S = 120
PROBE_LIMIT_BYTES = 2**16


class Check(Document, frozen=True, kw_only=True):
    """One thing looked at."""

    name: str
    kind: Literal["package", "runtime", "tool"]
    # Tools are optional: nothing but their own verb needs them.
    state: Literal["ok", "failed", "missing", "optional"]
    detail: str
    remedy: str = ""


class DoctorDocument(Document, frozen=True, kw_only=True):
    """What `doctor --json` prints."""

    schema: SchemaName = "topformer.doctor/1"
    python: str
    machine: str
    healthy: bool
    checks: tuple[Check, ...]


def run(*, skip_runtimes: bool, as_json: bool) -> bool:
    """Check this machine; false when something the toolchain needs does not work."""
    checks = [_package(name) for name in PACKAGES]
    if not skip_runtimes:
        with spinner("running a model in each runtime"):
            checks += [_runtime(name) for name in _runtime_names()]
    checks += [*(_tool(name, purpose) for name, purpose in TOOLS.items()), _cmake()]
    healthy = all(check.state in {"ok", "optional"} for check in checks)
    print_table(_table(checks))
    document = DoctorDocument(
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        healthy=healthy,
        checks=tuple(checks),
    )
    print_result(document, ["healthy" if healthy else "NOT healthy"], as_json=as_json)
    return healthy


def _package(name: str) -> Check:
    try:
        return Check(name=name, kind="package", state="ok", detail=version(name))
    except PackageNotFoundError:
        return Check(
            name=name,
            kind="package",
            state="missing",
            detail="not installed",
            remedy="`pip install --editable .` in a checkout of topformer brings it",
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
    command = [sys.executable, "-P", "-m", "topformer.verbs.probe", name]
    try:
        result = run_bounded(command, timeout_s=PROBE_TIMEOUT_S, limit_bytes=PROBE_LIMIT_BYTES)
    except TimeoutError:
        return _failed(
            name,
            f"did not answer within {PROBE_TIMEOUT_S} s",
            remedy="look for another process that uses all cores",
        )
    except EndlessOutputError:
        return _failed(name, "printed without end")
    if result.exit_status == 0:
        said = result.stdout.decode(errors="replace").strip()
        return Check(name=name, kind="runtime", state="ok", detail=said[-200:])
    complaints = result.stderr.decode(errors="replace").strip().splitlines()
    return _failed(name, (complaints or [f"exit {result.exit_status}"])[-1][:200])


def _failed(
    name: str,
    detail: str,
    *,
    remedy: str = "in a new environment: `pip install --editable .` in topformer's checkout",
) -> Check:
    return Check(name=name, kind="runtime", state="failed", detail=detail, remedy=remedy)


def _tool(name: str, purpose: str) -> Check:
    path = shutil.which(name)
    if path is None:
        return Check(name=name, kind="tool", state="optional", detail="not found", remedy=purpose)
    return Check(name=name, kind="tool", state="ok", detail=path)


def _cmake() -> Check:
    """Look for a CMake that is new enough, where `runner build` looks."""
    found = find_cmake()
    if isinstance(found, Missing):
        remedy = f"to build the C++ runner: {found.remedy}"
        return Check(
            name="cmake", kind="tool", state="optional", detail=f"no {found.what}", remedy=remedy
        )
    return Check(name="cmake", kind="tool", state="ok", detail=str(found))


def _table(checks: list[Check]) -> Table:
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
