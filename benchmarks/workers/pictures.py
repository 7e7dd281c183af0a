"""The picture that every run of a bench begins with: the bundled one, or what `--picture` names."""

import re
from pathlib import Path

from topformer.benchmarks.documents.conditions import LARGEST_SIDE_PX, StartingPicture
from topformer.errors import UsageError
from topformer.files import sha256_file
from topformer.images import (
    BENCH_PICTURE,
    LARGEST_PICTURE_PX,
    BenchPicture,
    bench_picture,
    read_picture,
)
from topformer.manifest import InputInfo

_SIZE = re.compile(r"([0-9]{1,6})[xX]([0-9]{1,6})", re.ASCII)
HASH_CHARACTERS = 16


def check_picture(choice: str) -> None:
    """Raise `UsageError` for a size out of range, and `TopformerError` for an unreadable file."""
    size, path = _size(choice), Path(choice)
    if size is None and not path.exists():
        raise UsageError(
            f"There is no picture {choice}.",
            next_step="Name a picture file, or write HEIGHTxWIDTH, as in 480x640.",
        )
    _check_size(*(size or read_picture(path).shape[:2]))


def open_picture(choice: str | None, info: InputInfo) -> BenchPicture:
    """Return what the clock finds in memory.

    The bundled picture at the network's input size without a choice, and at another size for
    "HEIGHTxWIDTH"; else the picture in that file.
    """
    if choice is None:
        return bench_picture(info.height, info.width)
    size = _size(choice)
    if size is not None:
        return bench_picture(*size)
    return BenchPicture(name=picture_name(choice), pixels=read_picture(Path(choice)))


def picture_name(choice: str | None) -> str:
    """Name a picture so that another has another name."""
    if choice is None or _size(choice) is not None:
        return BENCH_PICTURE
    path = Path(choice)
    return f"{path.name}, SHA-256 {sha256_file(path)[:HASH_CHARACTERS]}"


def starting_picture(picture: BenchPicture) -> StartingPicture:
    """Describe a picture in memory."""
    height, width = picture.pixels.shape[:2]
    return StartingPicture(height=height, width=width)


def resized_from(picture: BenchPicture, info: InputInfo) -> StartingPicture | None:
    """Describe a picture that must be resized; None where it has the network's input size."""
    start = starting_picture(picture)
    return None if (start.height, start.width) == (info.height, info.width) else start


def _size(choice: str) -> tuple[int, int] | None:
    found = _SIZE.fullmatch(choice)
    return (int(found[1]), int(found[2])) if found else None


def _check_size(height: int, width: int) -> None:
    in_range = 1 <= min(height, width) <= max(height, width) <= LARGEST_SIDE_PX
    if not in_range or height * width > LARGEST_PICTURE_PX:
        raise UsageError(
            f"A picture of {height}x{width} is out of range.",
            why=f"Sides go from 1 to {LARGEST_SIDE_PX} pixels, with at most "
            f"{LARGEST_PICTURE_PX:,} in all.",
        )
