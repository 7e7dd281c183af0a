"""`topformer runner build`: the C++ program that runs a .pte on devices, and on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.console import JsonOption, print_document, print_lines, stage_display, stderr

runner = typer.Typer(
    help="Build the C++ program that runs a .pte on devices.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@runner.callback()
def _group() -> None:
    """Keep `build` a verb of its own: Typer would leave out the name of an only one."""


@runner.command()
def build(
    target: Annotated[
        str, typer.Option(help="aarch64 (phones, ARM boards), host (this machine) or ndk.")
    ] = "aarch64",
    ndk: Annotated[
        Path | None, typer.Option(help="For --target ndk: the folder of Android's NDK.")
    ] = None,
    executorch: Annotated[
        Path | None,
        typer.Option(help="For --target ndk: where ExecuTorch, built with it, was installed."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Build the runner and put it, with all its libraries, into the cache.

    For aarch64 ExecuTorch's own wheel is fetched with pip; no NDK is needed. What
    is built already is checked and used again. Missing programs are named with
    the package that has them. --target ndk has not been tried by its makers.

    Examples:

      topformer runner build

      topformer runner build --target host --json
    """
    from topformer.benchmarks.bundle.build import build_bundle, default_cache  # noqa: PLC0415
    from topformer.benchmarks.bundle.plan import NdkPaths  # noqa: PLC0415
    from topformer.cli.runner_document import RunnerBuildDocument  # noqa: PLC0415
    from topformer.errors import UsageError  # noqa: PLC0415

    if (ndk is None) != (executorch is None):
        raise UsageError("--ndk and --executorch are given together or not at all.")
    paths = NdkPaths(ndk=ndk, executorch=executorch) if ndk and executorch else None
    with stage_display() as show_stage:
        built = build_bundle(
            target,
            cache=default_cache(),
            on_stage=show_stage,
            ndk=paths,
        )
    made = "built" if built.is_new else "built before, and whole"
    size_mb = built.bundle.size_bytes / 1e6
    stderr().print(f"{target} runner: {made}, {size_mb:.1f} MB")
    if json:
        print_document(
            RunnerBuildDocument(
                folder=str(built.folder),
                is_new=built.is_new,
                size_bytes=built.bundle.size_bytes,
                command=tuple(built.command),
                bundle=built.bundle,
            )
        )
    else:
        print_lines([built.folder])
