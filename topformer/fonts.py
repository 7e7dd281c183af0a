"""Fonts for names in any script: which of those on this machine has all letters of a text."""

from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from topformer.text import printable

# Everything in a name is drawn in one font, so one of these comes first where several would do.
_PREFERRED = ("sans", "regular")


@lru_cache(maxsize=4096)
def font_file(text: str) -> Path | None:
    """Find a font that has all letters of a text: the one every machine has here, or the system's.

    None where there is no such font.
    """
    letters = {ord(letter) for letter in text if letter not in "\n "}
    usual = usual_font()
    if letters <= _letters_of(usual):
        return usual
    return next((path for path in _system_fonts() if letters <= _letters_of(path)), None)


def drawable(text: str, *, otherwise: str | None = None) -> str:
    r"""Write a text, or `otherwise`, or with escapes as `\u5929`, so that some font can draw it."""
    text = printable(text.replace("\t", " "), lines=True)
    if text.isascii() or font_file(text) is not None:
        return text
    if otherwise is not None:
        return otherwise
    return text.encode("ascii", "backslashreplace").decode()


def undrawable(names: Iterable[str]) -> list[str]:
    """Select the names for which this machine has no font."""
    return [name for name in names if name and not drawable(name, otherwise="")]


@cache
def usual_font() -> Path:
    """Return the font that comes with matplotlib: Latin, Greek, Cyrillic, Arabic and more."""
    import matplotlib  # noqa: PLC0415

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@cache
def _system_fonts() -> tuple[Path, ...]:
    from matplotlib.font_manager import (  # noqa: PLC0415
        findSystemFonts,  # pyright: ignore[reportUnknownVariableType] - of its argument
    )

    found: list[str] = findSystemFonts()

    def order(path: Path) -> tuple[list[bool], str]:
        return [word not in path.name.lower() for word in _PREFERRED], str(path)

    return tuple(sorted(map(Path, found), key=order))


@cache
def _letters_of(path: Path) -> frozenset[int]:
    """Read which characters a font has; none where it is damaged or has pictures for letters."""
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415

    try:
        font = FT2Font(str(path))
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):
        return frozenset()
