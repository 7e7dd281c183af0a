"""What stands in a disarmed pickle for the things of other libraries: nothing that acts."""

import re
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from typing import Any, cast

import numpy as np
import torch
import torch._utils as torch_utils

_ARRAY_LIMIT_BYTES = 16 * 2**20
_ARRAY_LIMIT_AXES = 8
# Classes that are dictionaries by inheritance, so that a pickle fills them by key.
_MAPPING = re.compile(r"(dict|cfgnode|munch|box|counter)$", re.IGNORECASE)
_SEQUENCE = re.compile(r"(list|deque)$", re.IGNORECASE)
# These are modules that hold modules.
_MODULES = re.compile(r"(module|parameter|buffer)(list|dict)$", re.IGNORECASE)


class StandIn:
    """An object of another library that was not built: its class, and what was to go in."""

    qualified = ""
    arguments: tuple[object, ...] = ()
    state: object = None

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __new__(cls, *_arguments: object) -> "StandIn":
        """Take any arguments: `copyreg` passes the class's own here."""
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Keep what the pickle would have set as attributes."""
        self.state = state

    @property
    def attributes(self) -> dict[Any, Any]:
        """What the pickle says the object's attributes are."""
        return cast("dict[Any, Any]", self.state) if isinstance(self.state, dict) else {}


class _Mapping:
    """A dictionary of another class becomes a plain one."""

    def __new__(cls, *arguments: object) -> Any:
        """Copy the first argument where it is a dictionary; others are factories and defaults."""
        first = arguments[0] if arguments else None
        return OrderedDict(cast("dict[Any, Any]", first) if isinstance(first, dict) else {})


class _Sequence(list[object]):
    """A list of another class: what it is made with is left out, what is appended is kept."""

    def __init__(self, *_arguments: object) -> None:
        super().__init__()


def _parts(state: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", state) if isinstance(state, tuple) else ()


class _Bytes:
    """Bytes in a pickle of protocol 2: text, and how to encode it. Encoded only when needed."""

    def __init__(self, text: object = "", encoding: object = "latin1") -> None:
        self.text = text if isinstance(text, str) and encoding in {"latin1", "latin-1"} else None


class _Type:
    """numpy's dtype, by its code."""

    def __init__(self, code: object = None, *_flags: object) -> None:
        self.code = code
        self.order: object = "|"

    def __setstate__(self, state: object) -> None:
        parts = _parts(state)
        self.order = parts[1] if len(parts) > 1 else None

    def decoded(self) -> "np.dtype[Any] | None":
        """Return the type of plain numbers or texts that this is; None for any other."""
        fits = isinstance(self.code, str) and re.fullmatch(r"[biufUS][1-9]\d{0,4}", self.code)
        if not fits or self.order not in {"<", ">", "|", "="}:
            return None
        try:
            return np.dtype(f"{self.order}{self.code}")
        except TypeError:
            return None


class Array:
    """A numpy array or scalar, as its type, shape and bytes."""

    state: object = None

    def __init__(self, *_arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        self.state = state

    def decoded(self, *, most_bytes: int) -> object:
        """Return plain numbers or texts in nested lists; None where it holds more or others."""
        state = _parts(self.state)
        if len(state) != 5:
            return None
        _version, shape, kind, by_column, data = state
        dtype = kind.decoded() if isinstance(kind, _Type) else None
        # A side of 0 holds nothing, and would let the others be of any size.
        sides = tuple(side for side in _parts(shape) if isinstance(side, int) and side > 0)
        if dtype is None or sides != shape or len(sides) > _ARRAY_LIMIT_AXES:
            return None
        text = data.text if isinstance(data, _Bytes) else None
        size_bytes = prod(sides) * dtype.itemsize
        if text is None or len(text) != size_bytes or size_bytes > most_bytes:
            return None
        try:
            numbers = np.frombuffer(text.encode("latin-1"), dtype)
            return numbers.reshape(sides, order="F" if by_column else "C").tolist()
        except ValueError:  # Letters beyond Latin-1, or beyond Unicode.
            return None


def _scalar(kind: object = None, data: object = None) -> Array:
    found = Array()
    found.state = (1, (), kind, False, data)
    return found


_DENSE = cast("Callable[..., object]", vars(torch_utils)["_rebuild_tensor_v2"])


def _parameter(data: object = None, *_rest: object) -> object:
    """Drop the attributes a training script hung on a parameter."""
    return data if isinstance(data, torch.Tensor) else None


def _plain_tensor(
    build: object = None, _kind: object = None, arguments: object = None, *_state: object
) -> object:
    """Build a tensor that carried attributes or a class of its own as the dense one below."""
    if build is _DENSE and isinstance(arguments, tuple):
        return _DENSE(*cast("tuple[Any, ...]", arguments))
    return StandIn(build, arguments)


OWN: dict[str, Callable[..., object]] = {
    "_codecs.encode": _Bytes,
    "builtins.bytes": _Bytes,
    "numpy.dtype": _Type,
    "numpy.ndarray": Array,
    **{
        f"numpy.{core}.multiarray.{name}": function
        for core in ("core", "_core")
        for name, function in (("_reconstruct", Array), ("scalar", _scalar))
    },
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _plain_tensor,
}


def as_plain(value: object, *, most_bytes: int = _ARRAY_LIMIT_BYTES) -> object:
    """Return a value as Python has it: numpy's as numbers and lists, all others as they are."""
    decoded = value.decoded(most_bytes=most_bytes) if isinstance(value, Array) else None
    return value if decoded is None else decoded


def stand_in_for(name: str) -> type:
    """Make a class that takes the place of another library's, by its full name."""
    base: type = StandIn
    if not _MODULES.search(name):
        base = _Mapping if _MAPPING.search(name) else base
        base = _Sequence if _SEQUENCE.search(name) else base
    return type("StandIn", (base,), {"qualified": name})
