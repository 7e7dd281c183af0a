"""What it takes to run a pickle, counted before it is run.

A few hundred bytes can ask for more work than a machine has. A tuple of a tuple twice, sixty times
over, has 2**60 leaves, and hashing it as a key of a dictionary visits them all, in C, where no
Ctrl-C is heard. A dictionary that is written once can be copied a million times. Keys whose hashes
are equal are compared each with all. One record of the archive is read anew for each of its names,
for torch's reader ignores case. So the stack of torch's weights-only loader
(`torch/_weights_only_unpickler.py`) is played through with sizes in place of values.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

# A whole pickled model of 70,000 instructions takes some 400,000.
_EFFORT_LIMIT = 5_000_000
# Of the leaves of one tuple. Nothing but a key is ever hashed, and no sound one has more than ten.
_TUPLE_LIMIT = 100_000
# Of texts that may name a storage. torch.save numbers them.
_NAME_LIMIT = 300
# Of keys whose hashes can be chosen to be equal. Those of checkpoints are texts and small numbers.
_CHOSEN_KEY_LIMIT = 300

_PUTS = {"BINPUT", "LONG_BINPUT"}
_GETS = {"BINGET", "LONG_BINGET"}
_NEW = {
    *("GLOBAL", "NONE", "NEWFALSE", "NEWTRUE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET"),
    *("BININT", "BININT1", "BININT2", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING", "LONG1"),
}
# Each time, the loader goes through all names that the pickle has.
_LOOKS_UP_NAMES = {"GLOBAL", "REDUCE", "NEWOBJ", "BUILD"}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class TooMuchError(Exception):
    """A pickle that takes more than any checkpoint does."""


@dataclass(eq=False, slots=True)
class _Value:
    """What something on the stack costs to copy."""

    size: int = 1
    # Of a tuple, which alone hashes by what it holds. What a list holds costs when it is copied.
    items: "tuple[_Value, ...] | None" = None
    # A number, or a text of no more letters than a storage's name.
    plain: object = None

    @property
    def hash_cost(self) -> int:
        return 1 if self.items is None else self.size

    @property
    def has_chosen_hash(self) -> bool:
        # A number of so many bits that others have the same hash.
        is_long = isinstance(self.plain, int) and abs(self.plain) >= sys.hash_info.modulus
        return is_long or self.items is not None


@dataclass
class Effort:
    """The loader's stack and memo while it runs one pickle."""

    spent: int = 0
    names: int = 0
    chosen_keys: int = 0
    # Records of the archive, and by which name each was first asked for.
    storages: dict[str, object] = field(default_factory=dict)
    stack: list[_Value] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, _Value] = field(default_factory=dict)
    # At its end, or at an instruction that the loader refuses.
    ended: bool = False

    def step(self, opcode: str, argument: object) -> None:
        """Take one instruction.

        Raises `TooMuchError`, and IndexError or KeyError where the stack or the memo lacks what the
        instruction takes, as the loader does.
        """
        stack = self.stack
        if self.ended:
            return
        self._look_up_names(opcode)
        if opcode in _NEW:
            too_long = isinstance(argument, str) and len(argument) > _NAME_LIMIT
            stack.append(_Value(plain=None if too_long else argument))
        elif opcode in _GETS and isinstance(argument, int):
            stack.append(self.memo[argument])
        elif opcode in _PUTS and isinstance(argument, int):
            self.memo[argument] = stack[-1]
        elif opcode == "MARK":
            self.marks.append(len(stack))
        elif opcode == "TUPLE" or opcode in _TUPLES:
            self._push_tuple(self._to_mark() if opcode == "TUPLE" else self._pop(_TUPLES[opcode]))
        elif opcode in {"APPEND", "APPENDS"}:
            self._fill(self._to_mark() if opcode == "APPENDS" else self._pop(1))
        elif opcode in {"SETITEM", "SETITEMS"}:
            items = self._to_mark() if opcode == "SETITEMS" else self._pop(2)
            self._look_up(items[::2])
            self._fill(items)
        elif opcode in {"REDUCE", "NEWOBJ"}:
            _, arguments = self._pop(2)
            self._push_made_of(arguments)
        elif opcode == "BUILD":
            # An object's attributes are updated with the state, or with both halves of it.
            (state,) = self._pop(1)
            self._spend(state.size + sum(one.size for one in state.items or ()))
        elif opcode == "BINPERSID":
            # A storage is looked up by a part of this, or by a part of that.
            parts = self._pop(1)[0].items or ()
            self._look_up(parts)
            self._look_up(inner for part in parts for inner in part.items or ())
            self._name_storage(parts[2:3])
            stack.append(_Value())
        elif opcode != "PROTO":
            self.ended = True

    def _look_up_names(self, opcode: str) -> None:
        self.names += opcode == "GLOBAL"
        if opcode in _LOOKS_UP_NAMES:
            self._spend(self.names)

    def _pop(self, count: int) -> list[_Value]:
        if len(self.stack) < count:
            raise IndexError("an instruction takes more than there is")
        start = len(self.stack) - count
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def _to_mark(self) -> list[_Value]:
        return self._pop(len(self.stack) - self.marks.pop())

    def _push_tuple(self, items: list[_Value]) -> None:
        made = _Value(1 + sum(one.hash_cost for one in items), tuple(items))
        if made.size > _TUPLE_LIMIT:
            raise TooMuchError
        self.stack.append(made)

    def _fill(self, items: list[_Value]) -> None:
        self.stack[-1].size += sum(one.hash_cost for one in items)

    def _look_up(self, keys: Iterable[_Value]) -> None:
        for key in keys:
            self._spend(key.hash_cost)
            self.chosen_keys += key.has_chosen_hash
        if self.chosen_keys > _CHOSEN_KEY_LIMIT:
            raise TooMuchError

    def _name_storage(self, keys: Iterable[_Value]) -> None:
        for key in keys:
            # The reader ends a name at a zero, too.
            record = str(key.plain).partition("\0")[0].lower()
            if key.plain is None or self.storages.setdefault(record, key.plain) != key.plain:
                raise TooMuchError

    def _push_made_of(self, arguments: _Value) -> None:
        # Nothing that may be called copies more than what its arguments hold.
        size = 1 + sum(one.size for one in arguments.items or ())
        self._spend(size)
        self.stack.append(_Value(size))

    def _spend(self, effort: int) -> None:
        self.spent += effort
        if self.spent > _EFFORT_LIMIT:
            raise TooMuchError
