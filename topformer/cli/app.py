"""`topformer app`: models into the demo app, and the app onto a device."""

import typer

from topformer.cli.app_build import build
from topformer.cli.app_device import install, run
from topformer.cli.app_models import embed, list_models, remove

app = typer.Typer(
    help="Embed models in the demo app, build it, and bring it onto a device.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command()(embed)
app.command("list")(list_models)
app.command()(remove)
app.command()(build)
app.command()(install)
app.command()(run)
