"""Options that several verbs of `topformer app` have, and what they mean."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.errors import advising

AppOption = Annotated[
    Path | None,
    typer.Option("--app", help="The folder android_app; needed outside of a checkout."),
]
SerialOption = Annotated[
    str | None, typer.Option("--serial", help="Which device, where adb sees several.")
]


def find_sources(folder: Path | None) -> Path:
    """Find the app's sources where `AppOption` says, or in the checkout."""
    from topformer.android.assets import NoSourcesError, find_app  # noqa: PLC0415

    with advising(NoSourcesError, "Then pass its folder android_app with --app."):
        return find_app(folder)
