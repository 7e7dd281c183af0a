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
from collections.abc import Callable
from typing import Any

from topformer.text import brief
from topformer.weights.effort import Effort, TooMuchError
from topformer.weights.inert import OWN, stand_in_for

# A checkpoint with optimizer and averaged weights takes about 70,000.
_INSTRUCTION_LIMIT = 1_000_000
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


class Unreadable(Exception):  # noqa: N818 - becomes a TopformerError once the file's name is known
    """A file that is not what it claims; the text says why."""

    def __init__(self, why: str, *, next_step: str = "") -> None:
        """Take the reason and, where there is one, what to do about it."""
        super().__init__(why)
        self.why = why
        self.next_step = next_step


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
                effort = Effort()
                for opcode, argument, position in pickletools.genops(stream):
                    effort.step(opcode.name, argument)
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
        except TooMuchError as error:
            raise Unreadable("Its pickle asks for more work than any checkpoint needs.") from error
        except (ValueError, EOFError, UnicodeDecodeError, LookupError) as error:
            raise Unreadable(f"Its pickle is damaged: {brief(str(error))}.") from error
        if refused:
            raise _refusal(refused)
        return b"".join((*pieces, data[copied:]))

    def _replacement(self, name: str) -> bytes:
        if name not in self._chosen:
            number = len(self._chosen)
            stand_in = OWN.get(name) or stand_in_for(name)
            self._chosen[name] = (stand_in, f"{_STAND_IN_MODULE}.{number}")
            if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy", "torch"}:
                self.foreign.append(name)
        chosen = self._chosen[name][1].rpartition(".")[2]
        return f"c{_STAND_IN_MODULE}\n{chosen}\n".encode()


def _full_name(argument: str) -> str:
    module, _, name = argument.partition(" ")
    return f"{_OLD_MODULES.get(module, module)}.{name}"


def _is_refused(name: str) -> bool:
    if name in OWN or name in _TENSOR_NAMES:
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
