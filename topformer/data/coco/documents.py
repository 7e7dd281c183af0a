"""Annotation files in COCO's format, as they are written, decoded within bounds.

Source of the format: cocodataset.org, "Data format". Of it, all is read that boxes need; polygons,
captions and what else is in such files are skipped without being kept.
"""

import re
from pathlib import Path
from typing import Annotated

import msgspec

from topformer.documents import LARGEST_COUNT, ShortText
from topformer.errors import TopformerError
from topformer.files import read_bytes
from topformer.text import brief

# COCO's own train2017 has 449 MB with 860,001 annotations of 118,287 pictures.
LARGEST_FILE_BYTES = 2**30
# Of all objects, whatever they are: each annotation takes about 400 bytes of memory.
MOST_OBJECTS = 4_000_000
MOST_CATEGORIES = 10_000
LARGEST_SIDE_PX = 1_000_000

EntryId = Annotated[int, msgspec.Meta(ge=-LARGEST_COUNT, le=LARGEST_COUNT)]
_SidePx = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_SIDE_PX)]
# What is no number is told with all the rest that is wrong, not as the first error of many.
LooseNumber = float | str | None

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Python's own writer puts these where a number is none; they are no JSON.
_NO_NUMBER = re.compile(rb"(?<=[\[,:\s])(?:-?Infinity|NaN)(?=[\s,\]}])")
_PLACE = re.compile(r"\$\.(images|annotations|categories)\[([0-9]+)\]")


class ImageEntry(msgspec.Struct, gc=False):
    """A picture of the set."""

    id: EntryId
    file_name: ShortText
    width: _SidePx
    height: _SidePx


class AnnotationEntry(msgspec.Struct, gc=False):
    """An object in a picture."""

    id: EntryId
    image_id: EntryId
    category_id: EntryId
    # Left, top, width, height in pixels.
    bbox: tuple[LooseNumber, LooseNumber, LooseNumber, LooseNumber]
    # Of the object's outline, in pixels; None for that of its box.
    area: LooseNumber = None
    iscrowd: int | bool = 0


class CategoryEntry(msgspec.Struct, gc=False):
    """A kind of object."""

    id: EntryId
    name: ShortText


class AnnotationFile(msgspec.Struct):
    """A whole file."""

    images: list[ImageEntry]
    annotations: list[AnnotationEntry]
    categories: Annotated[list[CategoryEntry], msgspec.Meta(max_length=MOST_CATEGORIES)]


class _Entry(msgspec.Struct, gc=False):
    """What may be known of an entry that does not fit."""

    id: int | float | str | None = None
    image_id: int | float | str | None = None


class _Entries(msgspec.Struct):
    images: list[_Entry] = []
    annotations: list[_Entry] = []
    categories: list[_Entry] = []


def read_annotation_file(path: Path) -> AnnotationFile:
    """Read an annotation file; numbers in it may be of any size, and none at all.

    Raises `TopformerError` for what is too large, no JSON, or of another form; where it can be
    told, the error names the entry.
    """
    data = read_bytes(path, limit_bytes=LARGEST_FILE_BYTES, kind="annotation file")
    if (objects := data.count(b"{")) > MOST_OBJECTS:
        raise TopformerError(
            f"{path} holds too much.",
            why=f"At most {MOST_OBJECTS:,} objects of JSON are read, and it has {objects:,}.",
            next_step="Split it into several files, each with its own pictures.",
        )
    text = memoryview(data)[3:] if data.startswith(_BYTE_ORDER_MARK) else memoryview(data)
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        raise _unfit(path, text, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TopformerError(
            f"{path} cannot be read as annotations.",
            why=f"{error}.",
            next_step="Get it again, or write it anew; it must be JSON in UTF-8.",
        ) from error


def _decode(text: memoryview) -> AnnotationFile:
    try:
        return msgspec.json.decode(text, type=AnnotationFile)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        repaired, found = _NO_NUMBER.subn(b"null", text)
        if not found:
            raise
    return msgspec.json.decode(repaired, type=AnnotationFile)


def _unfit(path: Path, text: memoryview, reason: str) -> TopformerError:
    """Name the entry that is not as it should be."""
    place = _PLACE.search(reason)
    entry = ""
    if place is not None:
        noun = {"images": "picture", "annotations": "annotation", "categories": "category"}
        entry = f"Entry {place[2]} of `{place[1]}`, "
        try:
            found: _Entry = getattr(msgspec.json.decode(text, type=_Entries), place[1])[
                int(place[2])
            ]
        except (msgspec.DecodeError, RecursionError, IndexError):
            entry += f"one {noun[place[1]]}: "
        else:
            picture = "" if found.image_id is None else f" of picture {brief(str(found.image_id))}"
            entry += f"{noun[place[1]]} {brief(str(found.id))}{picture}: "
    return TopformerError(
        f"{path} is not in COCO's format.",
        why=f"{entry}{reason}.",
        next_step='Write {"images": [{"id", "file_name", "width", "height"}, ...], "annotations": '
        '[{"id", "image_id", "category_id", "bbox": [left, top, width, height]}, ...], '
        '"categories": [{"id", "name"}, ...]}.',
    )
