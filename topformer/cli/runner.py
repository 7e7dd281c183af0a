"""`topformer runner build`: the C++ program that runs a .pte on devices, and on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import JsonOption

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
    as_json: JsonOption = False,
) -> None:
    """Build the runner and put it, with all its libraries, into the cache.

    For aarch64 ExecuTorch's own wheel is fetched with pip; no NDK is needed. What
    is built already is checked and used again. Missing programs are named with
    the package that has them. --target ndk has not been tried by its makers.

    Examples:

      topformer runner build

      topformer runner build --target host --json
    """
    from topformer.verbs.runner import run

    run(target=target, ndk=ndk, executorch=executorch, as_json=as_json)
