"""What a class file declares and what it refers to.

Source: The Java Virtual Machine Specification, Java SE 17 Edition, chapter 4.
"""

import struct
from dataclasses import dataclass

ACC_PUBLIC, ACC_PROTECTED = 0x0001, 0x0004
# Bytes of a constant after its tag, by tag; 1 is text, of its own length.
_CONSTANT_BYTES = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    19: 2,
    20: 2,
}
_TEXT, _CLASS, _FIELD = 1, 7, 9
_MEMBERS = (9, 10, 11)
# Long and double take two places in the pool.
_WIDE = (5, 6)


@dataclass(frozen=True, kw_only=True)
class ClassFile:
    """One class. Members are `name(descriptor)` or, of fields, `name#descriptor`."""

    name: str
    flags: int
    parents: tuple[str, ...]
    # Access flags by member.
    members: dict[str, int]
    classes: frozenset[str]
    references: frozenset[tuple[str, str]]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def u2(self) -> int:
        self.at += 2
        return int.from_bytes(self.data[self.at - 2 : self.at], "big")

    def u4(self) -> int:
        return (self.u2() << 16) | self.u2()

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]


def parse_class(data: bytes) -> ClassFile:
    """Read a class file. Raises `ValueError` for other bytes."""
    reader = _Reader(data)
    if reader.u4() != 0xCAFEBABE:
        raise ValueError("this is no class file")
    reader.take(4)
    tags, values = _pool(reader)

    def text(place: int) -> str:
        # Java's own UTF-8; names that differ from the usual one are none of ours.
        return values[place].decode("utf-8", "replace")

    def pair(place: int) -> tuple[int, int]:
        return struct.unpack(">HH", values[place])

    def class_name(place: int) -> str:
        return text(int.from_bytes(values[place], "big"))

    def member(place: int) -> tuple[str, str]:
        owner, name_and_type = pair(place)
        name, descriptor = map(text, pair(name_and_type))
        return class_name(owner), _member(name, descriptor, is_field=tags[place] == _FIELD)

    flags, name, parent = reader.u2(), class_name(reader.u2()), reader.u2()
    interfaces = [class_name(reader.u2()) for _ in range(reader.u2())]
    members: dict[str, int] = {}
    for is_field in (True, False):
        for _ in range(reader.u2()):
            access, named, descriptor = reader.u2(), text(reader.u2()), text(reader.u2())
            members[_member(named, descriptor, is_field=is_field)] = access
            _skip_attributes(reader)
    return ClassFile(
        name=name,
        flags=flags,
        parents=(*([class_name(parent)] if parent else []), *interfaces),
        members=members,
        classes=frozenset(class_name(at) for at, tag in tags.items() if tag == _CLASS),
        references=frozenset(member(at) for at, tag in tags.items() if tag in _MEMBERS),
    )


def _pool(reader: _Reader) -> tuple[dict[int, int], dict[int, bytes]]:
    tags: dict[int, int] = {}
    values: dict[int, bytes] = {}
    place, count = 1, reader.u2()
    while place < count:
        (tag,) = reader.take(1)
        size = reader.u2() if tag == _TEXT else _CONSTANT_BYTES.get(tag)
        if size is None:
            raise ValueError(f"its constants hold the unknown tag {tag}")
        tags[place], values[place] = tag, reader.take(size)
        place += 2 if tag in _WIDE else 1
    return tags, values


def _skip_attributes(reader: _Reader) -> None:
    for _ in range(reader.u2()):
        reader.take(2)
        reader.take(reader.u4())


def _member(name: str, descriptor: str, *, is_field: bool) -> str:
    return f"{name}#{descriptor}" if is_field else f"{name}{descriptor}"
