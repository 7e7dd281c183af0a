"""Pickles made harmless: every name in them but a tensor's becomes an inert thing of ours.

A pickle names what it wants built, and building can run any code. Here each such name is rewritten
before torch's weights-only loader sees it. Tensors and plain containers stay. numpy's arrays and
scalars become descriptions that are decoded only when asked for, by us. Objects of other libraries
(a logger, a config, a whole module) become `StandIn`: a class name, and the values that were to go
in. Nothing of theirs is imported or called. What has no business in a checkpoint at all, such as
`os.system`, makes the whole file refused.
"""

import io
import pickletools
import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from typing import Any, cast

import numpy as np
import torch._utils as torch_utils

from topformer.text import brief

# A checkpoint with optimizer and averaged weights takes about 70,000.
_INSTRUCTION_LIMIT = 1_000_000
_ARRAY_LIMIT_BYTES = 16 * 2**20
_ARRAY_LIMIT_AXES = 8
_STAND_IN_MODULE = "topformer_stand_in"

_TENSOR_NAMES = {
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    *(
        f"torch.{number}Storage"
        for number in (
            *("Float", "Half", "BFloat16", "Double"),
            *("Long", "Int", "Short", "Char", "Byte", "Bool"),
        )
    ),
}
# torch's own names for tensors that hold no dense floats, and for their storages.
_SPECIAL_TENSOR = re.compile(r"torch\.(_utils\._rebuild_|storage\.|serialization\.|\w*Storage$)")
# The standard library's values, as people keep them beside weights. Bag or number, none acts.
_STANDARD_VALUES = re.compile(
    r"(argparse|pathlib|datetime|decimal|fractions|uuid|collections|enum|typing|zoneinfo)\..*"
    r"|copyreg\._reconstructor|functools\.partial|types\.SimpleNamespace|re\._compile"
    r"|time\.struct_time|random\.Random|logging\.(Logger|getLogger)|inspect\._empty|abc\.ABCMeta"
    r"|builtins\.(set|frozenset|list|dict|tuple|str|int|float|bool|bytes|complex|object|slice|range|xrange|long|unicode"
    r"|type|getattr|NoneType|Ellipsis|NotImplemented|print|max|min|sum|len|id|repr|hash)"
)
# Python 2's names, which pickles of protocol 2 keep using.
_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
# Classes that are dictionaries by inheritance, so that a pickle fills them by key.
_MAPPING = re.compile(r"(dict|cfgnode|munch|box|counter)$", re.IGNORECASE)
_SEQUENCE = re.compile(r"(list|deque)$", re.IGNORECASE)
# These are modules that hold modules.
_MODULES = re.compile(r"(module|parameter|buffer)(list|dict)$", re.IGNORECASE)


class Unreadable(Exception):  # noqa: N818 - becomes a TopformerError once the file's name is known
    """A file that is not what it claims; the text says why."""

    def __init__(self, why: str, *, next_step: str = "") -> None:
        """Take the reason and, where there is one, what to do about it."""
        super().__init__(why)
        self.why = why
        self.next_step = next_step


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

    def decoded(self) -> object:
        """Return plain numbers or texts in nested lists; None where it holds anything else."""
        state = _parts(self.state)
        if len(state) != 5:
            return None
        _version, shape, kind, by_column, data = state
        dtype = kind.decoded() if isinstance(kind, _Type) else None
        sides = tuple(side for side in _parts(shape) if isinstance(side, int) and side >= 0)
        if dtype is None or sides != shape or len(sides) > _ARRAY_LIMIT_AXES:
            return None
        text = data.text if isinstance(data, _Bytes) else None
        size_bytes = prod(sides) * dtype.itemsize
        if text is None or len(text) != size_bytes or size_bytes > _ARRAY_LIMIT_BYTES:
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
    return data


def _plain_tensor(
    build: object = None, _kind: object = None, arguments: object = None, *_state: object
) -> object:
    """Build a tensor that carried attributes or a class of its own as the dense one below."""
    if build is _DENSE and isinstance(arguments, tuple):
        return _DENSE(*cast("tuple[Any, ...]", arguments))
    return StandIn(build, arguments)


_OWN: dict[str, Callable[..., object]] = {
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


def as_plain(value: object) -> object:
    """Return a value as Python has it: numpy's as numbers and lists, all others as they are."""
    decoded = value.decoded() if isinstance(value, Array) else None
    return value if decoded is None else decoded


class Disarmed:
    """Pickles whose names were made harmless, and what is to stand for the names."""

    def __init__(self) -> None:
        self._chosen: dict[str, tuple[Callable[..., object], str]] = {}
        # Names of other libraries' objects, in the order in which they are met.
        self.foreign: list[str] = []

    @property
    def safe_globals(self) -> list[Any]:
        """What torch's loader must be allowed: our own things, under names of ours."""
        return list(self._chosen.values())

    def rewrite(self, data: bytes, *, pickles: int) -> bytes:
        """Return the bytes with the names in their first `pickles` pickles replaced.

        Raises `Unreadable` for damage and for what has no place in a checkpoint.
        """
        stream = io.BytesIO(data)
        pieces: list[bytes] = []
        refused: set[str] = set()
        instructions = copied = 0
        pending: tuple[int, str] | None = None
        try:
            for _ in range(pickles):
                for opcode, argument, position in pickletools.genops(stream):
                    instructions += 1
                    if instructions > _INSTRUCTION_LIMIT:
                        raise Unreadable(
                            f"Its pickle has more than {_INSTRUCTION_LIMIT:,} instructions."
                        )
                    assert position is not None
                    if pending:
                        pieces += (data[copied : pending[0]], self._replacement(pending[1]))
                        copied, pending = position, None
                    if opcode.name == "GLOBAL":
                        name = _full_name(str(argument))
                        if _is_refused(name):
                            refused.add(name)
                        elif name not in _TENSOR_NAMES:
                            pending = position, name
                    elif opcode.name in {"STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}:
                        refused.add(
                            f"a {opcode.name} instruction, which torch.save writes only if asked to"
                        )
        except (ValueError, EOFError, UnicodeDecodeError) as error:
            raise Unreadable(f"Its pickle is damaged: {brief(str(error))}.") from error
        if refused:
            raise _refusal(refused)
        return b"".join((*pieces, data[copied:]))

    def _replacement(self, name: str) -> bytes:
        if name not in self._chosen:
            number = len(self._chosen)
            stand_in = _OWN.get(name) or _stand_in(name)
            self._chosen[name] = (stand_in, f"{_STAND_IN_MODULE}.{number}")
            if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy", "torch"}:
                self.foreign.append(name)
        chosen = self._chosen[name][1].rpartition(".")[2]
        return f"c{_STAND_IN_MODULE}\n{chosen}\n".encode()


def _full_name(argument: str) -> str:
    module, _, name = argument.partition(" ")
    return f"{_OLD_MODULES.get(module, module)}.{name}"


def _stand_in(name: str) -> type:
    base: type = StandIn
    if not _MODULES.search(name):
        base = _Mapping if _MAPPING.search(name) else base
        base = _Sequence if _SEQUENCE.search(name) else base
    return type("StandIn", (base,), {"qualified": name})


def _is_refused(name: str) -> bool:
    if name in _OWN or name in _TENSOR_NAMES:
        return False
    if _SPECIAL_TENSOR.match(name):
        return True
    return name.partition(".")[0] in sys.stdlib_module_names and not _STANDARD_VALUES.fullmatch(
        name
    )


def _refusal(names: set[str]) -> Unreadable:
    shown = ", ".join(brief(name, 80) for name in sorted(names)[:5])
    if all(_SPECIAL_TENSOR.match(name) for name in names):
        return Unreadable(
            "Its tensors are sparse, quantised, complex, sharded, 8-bit or without data "
            f"({shown}).",
            next_step="Give the weights as they were trained, whole and in dense floats.",
        )
    if any("instruction" in name for name in names):
        return Unreadable(
            f"Its pickle has {shown}.",
            next_step="It was saved with another `pickle_protocol`. If you trust whoever made it, "
            'save it again, where any code in it may run: python -c "import torch; torch.save('
            "torch.load('IN', map_location='cpu', weights_only=False), 'OUT.pth')\"",
        )
    return Unreadable(
        f"Opening it the usual way would call {shown}. That has no place in a checkpoint, and can "
        "run code. Nothing was run.",
        next_step="Get the weights from somebody you trust, best as safetensors.",
    )
