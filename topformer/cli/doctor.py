"""`topformer doctor`: what this machine has, what works, and what to do about the rest."""

from typing import Annotated

import typer

from topformer.cli.options import JsonOption


def doctor(
    as_json: JsonOption = False,
    skip_runtimes: Annotated[
        bool, typer.Option("--skip-runtimes", help="Do not run a model in each runtime.")
    ] = False,
) -> bool:
    """Check this machine: versions, whether each runtime runs a model, adb and compilers.

    Changes nothing. Exits with 1 when something the toolchain needs does not work.

    Example:

      topformer doctor
    """
    from topformer.verbs.doctor import run

    return run(as_json=as_json, skip_runtimes=skip_runtimes)
