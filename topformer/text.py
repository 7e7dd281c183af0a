"""The one way to show a name or text that others made: to a terminal, in documents, in pictures."""

import re
from unicodedata import east_asian_width

_SURROGATES = re.compile(r"[\ud800-\udfff]+")


def printable(text: str, *, lines: bool = False) -> str:
    r"""Write what could steer a terminal, or is no character at all, as an escape.

    Control characters, those that turn the direction of writing, invisible ones and bytes that are
    not UTF-8 are shown as `\x1b`, `\u202e` and `caf\xe9.jpg`; all others stay. With `lines`, line
    ends and tabs stay too.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or (lines and letter in "\n\t") else _escaped(letter)
        for letter in text
    )


def brief(text: str, limit: int = 200, *, lines: bool = False) -> str:
    """Write the first `limit` characters of what may be endless, as `printable` does."""
    return printable(text[:limit], lines=lines) + ("..." if len(text) > limit else "")


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says, which may be nothing."""
    return str(error).partition("\n")[0]


def one_line(text: str) -> str:
    """Write words and lines with one blank between them."""
    return " ".join(text.split())


def well_formed(text: str) -> str:
    r"""Write the bytes of a file name that are not UTF-8 as `\xe9`, so that the rest is Unicode."""
    return _SURROGATES.sub(lambda found: "".join(map(_escaped, found[0])), text)


def columns(text: str) -> int:
    """Count how many letters of the Latin alphabet take as much room; a Chinese one takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a file name that is not UTF-8
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
