"""The `topformer` command: its verbs, and what happens to errors."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Annotated, NoReturn

import typer

from topformer import __version__
from topformer.cli.streams import prepare_streams
from topformer.errors import StoppedError, TopformerError
from topformer.files import is_address, local_path
from topformer.interrupts import Interrupted, catch_signals, ignore_signals, release_signals

# Each verb is a function of that name in a module of that name, or a Typer of that name where it
# has verbs of its own; one that returns False makes the command exit with 1. What it does stands
# here too, so that the list of verbs needs none of the modules; a test keeps the two alike.
VERBS = {
    "data": "Look at a data set before anything is trained on it.",
    "train": "Train a network, or go on with a run that was stopped.",
    "eval": "Score a model on a data set: mIoU or AP, each class, worst pictures.",
    "models": "List the sizes of the network and the published checkpoints.",
    "export": "Export a model and prove that each file computes what the checkpoint does.",
    "verify": "Prove again that an exported file computes what its checkpoint does.",
    "sensitivity": "Measure what each layer costs when it alone is quantised to int8.",
    "predict": "Run a model on pictures, and show what was found where.",
    "runner": "Build the C++ program that runs a .pte on devices.",
    "devices": "List the devices that adb sees: model, SoC, cores, Android, temperature.",
    "bench": "Measure how long a picture in memory takes to become its result, part by part.",
    "compare": "Compare two benches row by row: ratios with intervals, or instruction counts.",
    "report": "Make, prove, score and measure files, and say on one page which to ship.",
    "inspect": "Show a file's manifest, graph, delegates and memory plan.",
    "app": "Embed models in the demo app, build it, and bring it onto a device.",
    "doctor": "Check this machine: versions, whether each runtime runs a model, adb and compilers.",
    "schema": "Print the JSON schema of a manifest, or of the document that a verb prints.",
}

# What takes the address of weights; all else is a path, a name or a number.
ADDRESS_OPTIONS = {"--weights", "--model", "--init", "--set"}
ADDRESS_VERBS = {"inspect"}


def build_command(verb: str | None = None) -> typer.Typer:
    """Build the command line; given one of `VERBS`, or "", no other verb is imported."""
    command = typer.Typer(
        name="topformer",
        help="From a TopFormer checkpoint to a verified, measured model on a phone.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        # Plain help: drawing it with rich takes longer than all the rest of it.
        rich_markup_mode=None,
        result_callback=_end,
    )
    command.callback()(_options)
    for name, summary in VERBS.items():
        found = load_verb(name) if verb is None or name == verb else _unloaded
        if isinstance(found, typer.Typer):
            command.add_typer(found, name=name, short_help=summary)
        else:
            command.command(name, short_help=summary)(found)
    return command


def load_verb(name: str) -> Callable[..., bool | None] | typer.Typer:
    """Import the function behind a verb, or the Typer behind one that has verbs of its own."""
    return getattr(import_module(f"topformer.cli.{name}"), name)


def main() -> None:
    """Run the command line; exit 0 when done, 1 when the job failed, 2 on wrong usage.

    The status is 141 when whoever reads stdout goes before all is written, and 128 and the signal's
    number after SIGHUP, SIGINT and SIGTERM: 129, 130 and 143.
    """
    arguments = sys.argv[1:]
    as_json = "--json" in arguments
    catch_signals()
    try:
        _run(arguments, as_json=as_json)
    except Interrupted as signalled:
        ignore_signals()
        error = StoppedError(f"Stopped by {signalled}.", exit_code=signalled.exit_status)
        _fail(error, as_json=as_json)
    finally:
        release_signals()


def _run(arguments: Sequence[str], *, as_json: bool) -> None:
    """Run the command line, and tell what goes wrong."""
    verb = next((argument for argument in arguments if not argument.startswith("-")), "")
    try:
        prepare_streams(as_json=as_json)
        _refuse_addresses(verb, arguments)
        try:
            build_command(verb)()
        except SystemExit as stopped:
            if as_json:
                _print_misuse(stopped, verb)
            raise
        finally:
            # Here, where a failure can still be told.
            sys.stdout.flush()
    except TopformerError as error:
        _fail(error, as_json=as_json)
    except OSError as error:  # a full disk, a folder that is a file, a missing permission
        what = f"{error.filename} cannot be used." if error.filename else "The system refused."
        _fail(TopformerError(what, why=error.strerror or str(error)), as_json=as_json)
    except MemoryError as error:
        _fail(TopformerError("There is not enough memory.", why=str(error)), as_json=as_json)


def _refuse_addresses(verb: str, arguments: Sequence[str]) -> None:
    """Refuse addresses in place of paths; later it is too late: as a path https://x is https:/x."""
    for before, word in pairwise((verb, *arguments)):
        option, equals, value = word.partition("=")
        taker, given = (option, value) if word.startswith("-") and equals else (before, word)
        if taker not in ADDRESS_OPTIONS and verb not in ADDRESS_VERBS and is_address(given):
            local_path(given)


def _fail(error: TopformerError, *, as_json: bool) -> NoReturn:
    """Report an error, and exit with its code, whatever becomes of the report."""
    from topformer.console.output import ErrorDocument, print_document, tell_error

    tell_error(error)
    if as_json:
        try:
            print_document(ErrorDocument(what=error.what, why=error.why, next_step=error.next_step))
        except TopformerError as second:  # stdout is full
            tell_error(second)
        except SystemExit:  # its reader is gone
            pass
    sys.exit(error.exit_code)


def _print_misuse(stopped: SystemExit, verb: str) -> None:
    """Print as a document what the library of the command line told on stderr, if it did."""
    tell = getattr(stopped.__context__, "format_message", None)
    if tell is None:
        return
    from topformer.console.output import ErrorDocument, print_document

    help_ = " ".join(filter(None, ("topformer", verb if verb in VERBS else "", "--help")))
    print_document(ErrorDocument(what=tell(), why="", next_step=f"`{help_}` has what there is."))


def _end(succeeded: bool | None, **_options: object) -> None:
    """Exit with 1 where a verb returned False; it has told why."""
    if succeeded is False:
        raise typer.Exit(1)


def _unloaded() -> None:
    raise AssertionError("a verb that was not loaded cannot run")


def _print_version(requested: bool) -> None:
    if requested:
        sys.stdout.write(f"topformer {__version__}\n")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    pass
