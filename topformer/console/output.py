"""How every verb speaks: results on stdout, everything for the eye on stderr."""

import sys
from collections.abc import Iterable

from rich.text import Text

from topformer.console.screen import stderr
from topformer.documents import Document, SchemaName, encode_document
from topformer.errors import TopformerError
from topformer.fonts import undrawable
from topformer.text import printable


class ErrorDocument(Document, frozen=True, kw_only=True):
    """What `--json` prints when a verb fails before it has a result."""

    schema: SchemaName = "topformer.error/1"
    what: str
    why: str
    next_step: str


def print_result(
    document: Document, lines: Iterable[object], *, as_json: bool, shown: bool = False
) -> None:
    """Write what a verb found to stdout, as one document or as lines; see `print_lines`."""
    if as_json:
        print_document(document)
    else:
        print_lines(lines, shown=shown)


def print_document(document: Document) -> None:
    """Write one document to stdout, indented, in UTF-8."""
    sys.stdout.flush()
    # JSON is UTF-8, whatever the terminal is.
    sys.stdout.buffer.write(encode_document(document))
    sys.stdout.buffer.flush()


def print_lines(lines: Iterable[object], *, shown: bool = False) -> None:
    """Write plain result lines to stdout, for people and pipes alike.

    With `shown`, stderr has said the same in a table: on a terminal that shows both, they are left
    out.
    """
    if shown and stderr().is_terminal and sys.stdout.isatty():
        return
    for line in lines:
        sys.stdout.write(f"{printable(str(line))}\n")


def warn(text: str) -> None:
    """Print a warning."""
    stderr().print(Text("warning:", style="yellow"), text, soft_wrap=True)


def warn_of_letters(names: Iterable[str]) -> None:
    """Warn of names that pictures show in another form, for want of a font."""
    lacking = undrawable(dict.fromkeys(names))
    if lacking:
        shown = ", ".join(map(printable, lacking[:5])) + (", ..." if len(lacking) > 5 else "")
        warn(
            f"no font on this machine has the letters of {len(lacking):,} names ({shown}): "
            "pictures show ids or escapes in their place. A font that has them helps, such as "
            "Debian's fonts-noto-core, or fonts-noto-cjk for Chinese, Japanese and Korean."
        )


def tell_error(error: TopformerError) -> None:
    """Print an error as what, why and next step."""
    for style, label, text in (
        ("bold red", "error:", error.what),
        ("dim", "  why:", error.why),
        ("cyan", " next:", error.next_step),
    ):
        if text:
            stderr().print(label, style=style, end=" ")
            stderr().print(text, soft_wrap=True)
