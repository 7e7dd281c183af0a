"""Options that several verbs have."""

from typing import Annotated

import typer

ClassesOption = Annotated[
    str | None,
    typer.Option(
        "--classes",
        help="Class names: a file (one a line, or a classes.json) or a data set's key. "
        "Default: those in the weights.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")
]
