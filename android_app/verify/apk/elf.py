"""What native libraries say of themselves: the size of pages that they can be mapped with."""

import struct

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_LOAD = 1


def least_alignment(library: bytes) -> int:
    """Least alignment of the loaded segments of a 64-bit library, in bytes; 0 for anything else.

    Source of the layout: man 5 elf.
    """
    # 64 bits, little-endian.
    if len(library) < _HEADER.size or library[:6] != b"\x7fELF\x02\x01":
        return 0
    _, _, _, _, _, start, _, _, _, size, count, *_ = _HEADER.unpack_from(library)
    if size < _SEGMENT.size or start + size * count > len(library):
        return 0
    segments = [_SEGMENT.unpack_from(library, start + size * number) for number in range(count)]
    return min((segment[7] for segment in segments if segment[0] == _LOAD), default=0)
