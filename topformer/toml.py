"""TOML that people wrote: small files, read within bounds that Python's reader lacks."""

import sys
import tomllib
from typing import Any

from topformer.errors import UsageError

# A key of many dotted parts takes memory by the square of their number.
_MOST_DOTS = 1000


class NoTomlError(UsageError):
    """A text that does not follow TOML's grammar."""


def decode_toml(text: str, origin: str) -> dict[str, Any]:
    """Read a TOML document of a few kilobytes; `origin` names it in errors.

    Raises `NoTomlError` for anything else, and `UsageError` for what would take too long.
    """
    if text.count(".") > _MOST_DOTS:
        raise UsageError(f"{origin} is too large: it holds more than {_MOST_DOTS:,} dots.")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NoTomlError(f"{origin} is not TOML.", why=str(error)) from error
    except ValueError as error:  # Python converts no longer ones, for they take long
        raise UsageError(
            f"{origin} holds a number of more than {sys.get_int_max_str_digits():,} digits."
        ) from error
