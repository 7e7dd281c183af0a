"""Options that several verbs of `topformer app` have."""

from pathlib import Path
from typing import Annotated

import typer

AppOption = Annotated[
    Path | None,
    typer.Option("--app", help="The folder android_app; needed outside of a checkout."),
]
SerialOption = Annotated[
    str | None, typer.Option("--serial", help="Which device, where adb sees several.")
]
