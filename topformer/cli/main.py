"""The `topformer` command: its verbs, and what happens to errors."""

import logging
import sys
from typing import Annotated

import typer

from topformer import __version__
from topformer.cli import bench, doctor, export, inspect, models, predict, schema, verify
from topformer.cli.console import fail
from topformer.errors import TopformerError

app = typer.Typer(
    name="topformer",
    help="From a TopFormer checkpoint to a verified, measured segmentation model on a phone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(requested: bool) -> None:
    if requested:
        sys.stdout.write(f"topformer {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


app.command("models")(models.models)
app.command("export")(export.export)
app.command("verify")(verify.verify)
app.command("predict")(predict.predict)
app.command("bench")(bench.bench)
app.command("inspect")(inspect.inspect)
app.command("doctor")(doctor.doctor)
app.command("schema")(schema.schema)


def main() -> None:
    """Run the command line; exit 0 when done, 1 when the job failed, 2 on wrong usage."""
    # torch warns of a detail inside torchao at every import; no user can act on it.
    logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)
    try:
        app()
    except TopformerError as error:
        fail(error, as_json="--json" in sys.argv[1:])
