"""Good inputs made bad by what they are made of: taken apart, changed, put together again.

A mutation is a function of the bytes and a seeded generator. What it cannot take apart it changes
as bytes.
"""

import io
import json
import pickletools
import re
import struct
import zipfile
import zlib
from hashlib import sha256
from random import Random

# Larger inputs take longer, and find no more.
LARGEST_BYTES = 2**23

NUMBERS = (
    *("0", "1", "-1", "2", "255", "256", "65535", "65536", "1e308", "1e-320", "1e999", "-1e999"),
    *("0.5", "nan", "inf", "-inf", "2147483647", "2147483648", "4294967295", "4294967296"),
    *("9007199254740993", "9223372036854775807", "18446744073709551616", "-9223372036854775809"),
    *(
        "9" * 12,
        "9" * 15,
        "3" + "0" * 14,
        "9" * 18,
        "0" * 18,
        "9" * 400,
        "9" * 5000,
        "0x" + "f" * 40,
        "1_000",
        "٣",
        "²",
    ),
)
WORDS = (
    *("", " ", "\0", "\x1b[31m", "\u202e", "é", "天", "a" * 101, "a" * 2000, "a" * 70_000, "%s"),
    *(
        "../../x",
        "/",
        "\\",
        "\n",
        "\r\n",
        "\ufeff",
        "null",
        "true",
        "[]",
        "{}",
        "[" * 200,
        "{" * 200,
    ),
    *(
        "[" * 20_000,
        "a." * 2000,
        "'''",
        '"',
        "=",
        ":",
        "(",
        ")",
        "device",
        "@",
        "#",
        "http:",
        "file:",
        "xn--",
        "\x7f",
        "\x85",
    ),
)
JSON_VALUES = (
    *("null", "true", "false", "[]", "{}", '""', '"\\ud800"', '"\\u0000"', '"a"', "[[]]", "[null]"),
    *("NaN", "Infinity", "-0.0", '"' + "a" * 2000 + '"', "[" * 3000 + "]" * 3000, '{"a":' * 2000),
    *(text for text in NUMBERS if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text, re.ASCII)),
)
INTEGERS = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 32767, 65535, 2**24, 2**31 - 1, 2**32 - 1)
# A field of a zip header by its place after the mark, with its width.
ZIP_FIELDS = tuple((place, width) for width in (2, 4) for place in range(4, 44, 2))
PICKLE_PIECES = (
    *(b"(", b")", b"]", b"}", b"N", b"0", b"1", b"2", b"a", b"b", b"e", b"s", b"t", b"u", b"R"),
    *(b"\x81", b"\x85", b"\x86", b"\x87", b"\x88", b"Q", b".", b"q\x00", b"h\x00", b"\x80\x04"),
    *(b"r\xff\xff\xff\x7f", b"K\x01", b"J\xff\xff\xff\xff", b"I" + b"9" * 400 + b"\n", b"L1L\n"),
    *(b"\x8b\x00\x00\x00\x7f", b"\x8a\x01\x05", b"G\x7f\xf0\x00\x00\x00\x00\x00\x00"),
    *(b"X\x03\x00\x00\x00abc", b"X\xff\xff\xff\x7f", b"cos\nsystem\n", b"cx\ny list\n"),
    *(b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"c_codecs\nencode\n", b"ca.b\nConfigDict\n"),
    *(b"ca.b\nModuleList\n", b"ccollections\nOrderedDict\n", b"ctorch\nSize\n"),
    *(b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nFloatStorage\n"),
)  # fmt: skip


def mutate(kind: str, data: bytes, random: Random) -> bytes:
    """Change an input of a kind in one to a few places."""
    change = KINDS[kind]
    for _ in range(1 + min(4, int(random.expovariate(1.0)))):
        changed = change_bytes if random.random() < 0.1 else change
        try:
            data = changed(data, random)[:LARGEST_BYTES]
        except Exception:  # an earlier change has left it without its form
            data = change_bytes(data, random)[:LARGEST_BYTES]
    return data


def change_bytes(data: bytes, random: Random) -> bytes:
    """Flip, overwrite, insert, repeat, drop or cut."""
    found = bytearray(data)
    place = random.randrange(len(found) + 1)
    length = min(random.choice((1, 1, 2, 4, 8, 64, 4096)), len(found) - place)
    match random.randrange(7):
        case 0 if place < len(found):
            found[place] ^= 1 << random.randrange(8)
        case 1 if place < len(found):
            found[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        case 2:
            width, order = random.choice((1, 2, 4, 8)), random.choice(("little", "big"))
            value = random.choice(INTEGERS) % 2 ** (8 * width)
            found[place : place + width] = value.to_bytes(width, order)
        case 3:
            found[place:place] = random.randbytes(random.choice((1, 2, 8, 100)))
        case 4:
            found[place:place] = found[place : place + length] * random.choice((1, 2, 50))
        case 5:
            del found[place : place + length]
        case _:
            del found[place:]
    return bytes(found)


def change_text(data: bytes, random: Random) -> bytes:
    """Change numbers, words and lines."""
    lines = data.split(b"\n")
    number = random.randrange(len(lines))
    line = lines[number]
    match random.randrange(8):
        case 0:
            del lines[number]
        case 1:
            lines[number:number] = [line] * random.choice((1, 2, 300))
        case 2:
            other = random.randrange(len(lines))
            lines[number], lines[other] = lines[other], line
        case 3 | 4:
            words = re.finditer(rb"-?[\w.]+", line)
            spans = [one.span() for one in words if re.search(rb"\d", one[0])]
            start, end = random.choice(spans or [(0, 0)])
            value = random.choice(NUMBERS)
            lines[number] = line[:start] + value.encode() + line[end:]
        case 5:
            spans = [one.span() for one in re.finditer(rb"[A-Za-z_]+", line)]
            start, end = random.choice(spans or [(0, 0)])
            lines[number] = line[:start] + random.choice(WORDS).encode() + line[end:]
        case 6:
            place = random.randrange(len(line) + 1)
            lines[number] = line[:place] + random.choice(WORDS).encode() + line[place:]
        case _:
            lines[number] = change_bytes(line, random)
    return b"\n".join(lines)


def change_json(data: bytes, random: Random) -> bytes:
    """Replace, drop, repeat or exchange values anywhere in the tree."""
    tree = {"": json.loads(data)}
    places = list(_places(tree))
    holder, key = random.choice(places)
    raw = None
    match random.randrange(6):
        case 0 if holder is not tree:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder[key:key] = [holder[key]] * random.choice((1, 2, 100))
        case 2:
            other, place = random.choice(places)
            holder[key] = json.loads(json.dumps(other[place]))
        case 3 if isinstance(holder, dict) and holder is not tree:
            holder[random.choice((*WORDS[:8], *holder))] = holder.pop(key)
        case _:
            raw, holder[key] = random.choice(JSON_VALUES), "@raw@"
    text = json.dumps(tree[""])
    return (text if raw is None else text.replace('"@raw@"', raw, 1)).encode(errors="replace")


def _places(tree):
    waiting = [tree]
    for holder in waiting:
        for key in range(len(holder)) if isinstance(holder, list) else list(holder):
            yield holder, key
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])


def change_json_lines(data: bytes, random: Random) -> bytes:
    """Change one of the documents, or the lines."""
    lines = data.splitlines()
    number = random.randrange(len(lines))
    if random.random() < 0.2:
        return change_text(data, random)
    lines[number] = change_json(lines[number], random)
    return b"\n".join(lines) + b"\n"


def change_pickle(data: bytes, random: Random) -> bytes:
    """Drop, repeat, exchange and replace instructions, and change their arguments."""
    starts = [position for _, _, position in pickletools.genops(data)]
    pieces = [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]
    number = random.randrange(len(pieces))
    match random.randrange(6):
        case 0:
            del pieces[number]
        case 1:
            pieces[number:number] = [pieces[number]] * random.choice((1, 2, 1000))
        case 2:
            other = random.randrange(len(pieces))
            pieces[number], pieces[other] = pieces[other], pieces[number]
        case 3:
            pieces[number] = random.choice(PICKLE_PIECES)
        case 4:
            pieces.insert(number, random.choice(PICKLE_PIECES))
        case _:
            head, argument = pieces[number][:1], pieces[number][1:]
            pieces[number] = head + change_bytes(argument, random)
    return b"".join(pieces)


def change_zip(data: bytes, random: Random) -> bytes:
    """Change a member by what it is, its name, how it is stored, or the headers."""
    if random.random() < 0.3:
        return _change_zip_header(data, random)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [
            (info.filename, archive.read(info), info.compress_type) for info in archive.infolist()
        ]
    number = random.randrange(len(members))
    name, content, method = members[number]
    match random.randrange(7):
        case 0:
            del members[number]
        case 1:
            other = random.choice((name.upper(), f"x/{name}", f"../{name}", "data.pkl", name * 50))
            members.append((other, content, method))
        case 2:
            members[number] = name, content, zipfile.ZIP_DEFLATED
        case 3:
            members[number] = name, bytes(random.choice((0, 10**4, 10**6))), zipfile.ZIP_DEFLATED
        case _:
            inner = {"pkl": "pickle", "json": "json", "jar": "zip", "RECORD": "text"}
            kind = inner.get(re.split(r"[./]", name)[-1], "bytes")
            members[number] = name, mutate(kind, content, random), method
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content, method in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def _change_zip_header(data: bytes, random: Random) -> bytes:
    marks = [one.start() for one in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data)]
    place, width = random.choice(ZIP_FIELDS)
    place += random.choice(marks)
    value = random.choice((*INTEGERS, len(data), random.getrandbits(32))) % 2 ** (8 * width)
    return data[:place] + value.to_bytes(width, "little") + data[place + width :]


def change_checkpoint(data: bytes, random: Random) -> bytes:
    """Change a file of `torch.save`, of today or of old, or a safetensors file."""
    if data.startswith(b"PK"):
        return change_zip(data, random)
    if data[8:9] == b"{":
        return change_safetensors(data, random)
    head = 16  # The constant by which the old form is known.
    return data[:head] + change_pickle(data[head:], random)


def change_safetensors(data: bytes, random: Random) -> bytes:
    """Change the header as JSON, and now and then the length that it claims."""
    length = int.from_bytes(data[:8], "little")
    header, numbers = data[8 : 8 + length], data[8 + length :]
    tree = json.loads(header)
    own = tree.get("__metadata__", {}).get("topformer")
    if own and random.random() < 0.4:
        changed = change_json(own.encode(), random).decode()
        tree["__metadata__"]["topformer"] = changed
        header = json.dumps(tree).encode()
    elif random.random() < 0.7:
        header = change_json(header, random)
    else:
        numbers = change_bytes(numbers, random)
    length = len(header) if random.random() < 0.9 else random.choice(INTEGERS)
    return length.to_bytes(8, "little") + header + numbers


def change_png(data: bytes, random: Random) -> bytes:
    """Change chunks, with checksums that fit again."""
    chunks, place = [], 8
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    number = random.randrange(len(chunks))
    name, body = chunks[number]
    match random.randrange(6):
        case 0:
            del chunks[number]
        case 1:
            chunks.insert(random.randrange(len(chunks) + 1), (name, body))
        case 2:
            known = (
                b"PLTE",
                b"tRNS",
                b"eXIf",
                b"iCCP",
                b"zTXt",
                b"iTXt",
                b"acTL",
                b"fcTL",
                b"fdAT",
            )
            chunks.insert(1, (random.choice(known), change_bytes(body[:1000], random)))
        case 3 if name == b"IDAT":
            raw = zlib.decompressobj().decompress(body, LARGEST_BYTES)
            chunks[number] = name, zlib.compress(change_bytes(raw, random), 1)
        case _:
            chunks[number] = name, change_bytes(body, random)
    parts = [data[:8]]
    for name, body in chunks:
        check = zlib.crc32(name + body)
        parts.append(struct.pack(">I", len(body)) + name + body + struct.pack(">I", check))
    return b"".join(parts)


def change_jpeg(data: bytes, random: Random) -> bytes:
    """Change segments before the scan, or the scan."""
    segments, place = [], 2
    while data[place : place + 1] == b"\xff" and data[place + 1] != 0xDA:
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        segments.append((data[place : place + 2], data[place + 4 : place + 2 + length]))
        place += 2 + length
    scan = data[place:]
    number = random.randrange(len(segments) + 1)
    if number == len(segments):
        scan = change_bytes(scan, random)
    else:
        marker, body = segments[number]
        match random.randrange(5):
            case 0:
                del segments[number]
            case 1:
                segments.insert(random.randrange(len(segments)), (marker, body))
            case 2:
                marker = b"\xff" + bytes(
                    [random.choice((0xC0, 0xC2, 0xC3, 0xC9, 0xDD, 0xE1, 0xEE))]
                )
                segments[number] = marker, body
            case _:
                segments[number] = marker, change_bytes(body, random)[:65_000]
    parts = [marker + struct.pack(">H", len(body) + 2) + body for marker, body in segments]
    return data[:2] + b"".join(parts) + scan


def change_golden(data: bytes, random: Random) -> bytes:
    """Change the header's numbers or the body, with a hash that fits again."""
    body = bytearray(data[:-32])
    if random.random() < 0.6:
        place = 8 + 4 * random.randrange(14)
        value = random.choice((*INTEGERS, 0x7FF00000, 0x7FF80000, 4096, 512))
        body[place : place + 4] = value.to_bytes(4, "little")
    else:
        body = bytearray(change_bytes(bytes(body), random))
    return bytes(body) + sha256(body).digest()


KINDS = {
    "bytes": change_bytes,
    "text": change_text,
    "json": change_json,
    "json lines": change_json_lines,
    "pickle": change_pickle,
    "zip": change_zip,
    "checkpoint": change_checkpoint,
    "png": change_png,
    "jpeg": change_jpeg,
    "golden": change_golden,
}
