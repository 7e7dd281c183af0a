"""Label files: PNGs whose pixel values are class ids, translated to train ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from topformer.errors import TopformerError
from topformer.files import open_regular
from topformer.images import FORMATS, decoding, orientation_of, quiet_decoders
from topformer.manifest import Classes
from topformer.metrics import count_ids
from topformer.signatures import LARGEST_FILE_BYTES, kind_of

# Counted nowhere: neither in the loss nor in any metric.
IGNORED = 255
# In a label table: the data set has no such value.
INVALID = 254
MOST_CLASSES = 254

LOSSY = "its compression changes values, and near every edge ids become others."
EXPORT_ANEW = (
    "Export the labels anew as PNG from the tool they were drawn with; "
    "converting these files does not bring the ids back."
)
SAVE_AS_PNG = (
    "Save them as PNG with the same values, as in Python with Pillow: "
    "Image.open('a.bmp').save('a.png')."
)

# Of train id, or `IGNORED`, or `INVALID`, by the value in the file; 256 entries.
LabelTable = NDArray[np.uint8]

_ID_MODES = ("1", "L", "P")
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L")
_COLOUR_MODES = ("RGB", "RGBA", "LA")
# Grey of 2 and 4 bits is stretched to 0..255 by Pillow, by these factors; ids must not be.
_STRETCHED = {"L;2": 85, "L;4": 17}


def label_table(values: Sequence[int], *, ignored: tuple[int, ...] = (IGNORED,)) -> LabelTable:
    """Build the table of a data set from its classes' values in files, in the classes' order."""
    table = np.full(256, INVALID, np.uint8)
    table[list(values)] = np.arange(len(values))
    table[list(ignored)] = IGNORED
    return table


@dataclass(frozen=True, kw_only=True)
class LabelFile:
    """What a label file holds."""

    # Train ids [H, W], turned as the file's EXIF orientation says.
    ids: NDArray[np.uint8]
    # Pixels by value in the file, [256].
    counts: NDArray[np.int64]
    # 1 to 8; 1 where it has none.
    orientation: int
    # Whether its grey values were saved as colours.
    grey_as_colours: bool


@dataclass(frozen=True, kw_only=True)
class _Values:
    pixels: NDArray[np.uint8]
    # The file's own palette [n, 3], where it has one.
    palette: NDArray[np.uint8] | None = None
    orientation: int
    grey_as_colours: bool = False


def open_labels(path: Path, table: LabelTable, classes: Classes) -> LabelFile:
    """Read a label PNG.

    Raises `TopformerError`, naming the file and what to do, for a file that is no PNG, holds
    colours in place of ids, or holds a value that the data set does not have.
    """
    values = _read_values(path)
    counts = count_ids(values.pixels, 256)
    found = np.flatnonzero(counts)
    if values.palette is not None:
        _refuse_permuted_palette(path, found, values.palette, table, classes)
    wrong = found[table[found] == INVALID]
    if len(wrong):
        shown = ", ".join(map(str, wrong[:5])) + (" ..." if len(wrong) > 5 else "")
        raise TopformerError(
            f"{path} holds labels out of range: {shown}.",
            why=f"{classes.dataset} has {len(classes.names)} classes, in files as "
            f"{_describe(table)}.",
            next_step=_advice(found, table)
            or "Check that --dataset names the right data set and that the ids were not "
            "shifted; set pixels of no class to an ignored value.",
        )
    return LabelFile(
        ids=table[values.pixels],
        counts=counts,
        orientation=values.orientation,
        grey_as_colours=values.grey_as_colours,
    )


def are_shades(values: NDArray[np.integer]) -> bool:
    """Whether values, sorted, are ids spread from black to white to be seen: 0, 128, 255."""
    spread = np.linspace(0, 255, len(values))
    return len(values) > 1 and bool((np.abs(values - spread) <= 1).all())


def _advice(found: NDArray[np.integer], table: LabelTable) -> str:
    """What may have happened to ids, some of which are out of range; empty for nothing known."""
    if len(found) > 2 and are_shades(found):
        ids = ", ".join(map(str, range(len(found))))
        return (
            "These look like ids spread over black to white, to be seen: write the ids "
            f"themselves, {ids} in place of {', '.join(map(str, found))}."
        )
    counted = [value for value in found.tolist() if table[value] != IGNORED]
    last = int(np.flatnonzero(table < INVALID)[-1])
    if min(counted) == 1 and max(counted) == last + 1:
        return "These look counted from 1: subtract 1 from each, and write 255 for no class."
    step = gcd(*counted)
    # Of few values, any step says little.
    if step > 1 and max(counted) // step <= last and len(counted) > min(2, last):
        return f"These look like ids multiplied by {step}, to be seen: divide them by it."
    return ""


def _describe(table: LabelTable) -> str:
    """Say which values a table takes, as in '1-150; 0, 255 are ignored'."""
    used = np.flatnonzero(table < INVALID)
    ignored = np.flatnonzero(table == IGNORED)
    gaps = "" if len(used) == used[-1] - used[0] + 1 else " with gaps"
    return f"{used[0]}-{used[-1]}{gaps}; ignored: {', '.join(map(str, ignored))}"


def _read_values(path: Path) -> _Values:
    with decoding(
        path,
        ("PNG",),
        called="labels",
        unidentified=_no_png,
        next_step="Labels are PNG files whose pixel values are class ids; get the file again.",
    ) as image:
        packing = str(image.tile[0].args) if image.tile else ""
        image.load()
        orientation = orientation_of(image)
        # A copy would take as much memory as the picture, which may have 80 million pixels.
        ImageOps.exif_transpose(image, in_place=True)
        return _values_of(path, image, packing, orientation)


def _values_of(path: Path, image: Image.Image, packing: str, orientation: int) -> _Values:
    if image.mode in _ID_MODES:
        palette = image.getpalette() if image.mode == "P" else None
        return _Values(
            pixels=np.array(image, np.uint8) // _STRETCHED.get(packing, 1),
            palette=None if palette is None else np.array(palette, np.uint8).reshape(-1, 3),
            orientation=orientation,
        )
    if image.mode in _WIDE_MODES:
        return _Values(pixels=_narrow(path, np.asarray(image)), orientation=orientation)
    # Of 16 bits a colour, Pillow keeps the upper 8, where ids are 0.
    if image.mode in _COLOUR_MODES and "16" not in packing:
        grey = _grey(image)
        if grey is not None:
            return _Values(pixels=grey, orientation=orientation, grey_as_colours=True)
    red_only = image.mode == "RGB" and not any(_band(image, name).any() for name in "GB")
    raise TopformerError(
        f"{path} holds colours ({image.mode}), not class ids.",
        why="Only its red channel holds values."
        if red_only
        else "Labels are PNGs of one channel whose values are ids. Colours cannot be turned back "
        "safely: some data sets give two classes one colour.",
        next_step="Where these are the ids, write that channel alone, as a grey PNG."
        if red_only
        else "Use the data set's id files, or convert the colours with the tool that made them.",
    )


def _grey(image: Image.Image) -> NDArray[np.uint8] | None:
    """The one value of each pixel [H, W]; None where there are colours or see-through pixels."""
    first, *others = image.getbands()
    if "A" in others:
        others.remove("A")
        if (_band(image, "A") < 255).any():
            return None
    grey = _band(image, first)
    return grey if all((_band(image, name) == grey).all() for name in others) else None


def _band(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """One channel [H, W]: of several at once the arrays would be large."""
    return np.asarray(image.getchannel(name))


def _no_png(path: Path) -> TopformerError:
    """Say what a file is that should be a PNG."""
    what = f"{path} cannot be read as labels."
    try:
        with (
            quiet_decoders(),
            open_regular(path, limit_bytes=LARGEST_FILE_BYTES) as stream,
            Image.open(stream, formats=FORMATS) as image,
        ):
            kind = image.format
    except Exception:  # decoders of damaged files raise almost anything
        found = kind_of(path)
        return TopformerError(
            what,
            why=f"It is {found.name}." if found else "Labels are PNG files.",
            next_step=f"Labels are PNG files whose pixel values are class ids. "
            f"{found.remedy if found else 'Get the file again.'}",
        )
    if kind in ("JPEG", "WEBP"):
        return TopformerError(
            what, why=f"It is a {kind}, whatever its name: {LOSSY}", next_step=EXPORT_ANEW
        )
    return TopformerError(
        what, why=f"It is a {kind}, whatever its name; labels are PNG files.", next_step=SAVE_AS_PNG
    )


def _narrow(path: Path, values: NDArray[np.integer]) -> NDArray[np.uint8]:
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 255:
        stretched = not (values % 257).any()
        raise TopformerError(
            f"{path} holds labels out of range: up to {int(values.max())}.",
            why="Ids have 8 bits here; 255 is ignored.",
            next_step="These are values of 8 bits stretched to 16: divide them by 257."
            if stretched
            else "These may be instance ids or a packed format; use the files of class ids.",
        )
    return values.astype(np.uint8)


def _refuse_permuted_palette(
    path: Path,
    found: NDArray[np.integer],
    colours: NDArray[np.uint8],
    table: LabelTable,
    classes: Classes,
) -> None:
    """Refuse a picture reduced to a palette: the indices found in it look like ids and are not.

    It gives itself away when every colour it uses is some class's and one of them is another
    class's than its index says, or when its greys are its indices in another order.
    """
    by_colour: dict[tuple[int, ...], set[int]] = {}
    for number, colour in enumerate(classes.palette):
        by_colour.setdefault(colour, set()).add(number)
    used = {
        value: tuple(colours[value].tolist())
        for value in found.tolist()
        if value < len(colours) and table[value] != IGNORED
    }
    if used.keys() == {max(colour) for colour in used.values() if len(set(colour)) == 1}:
        moved = [value for value, colour in used.items() if colour[0] != value]
        why = "Index {0} is shown as grey, but as another grey than {0}."
    elif all(colour in by_colour for colour in used.values()):
        moved = [value for value, colour in used.items() if table[value] not in by_colour[colour]]
        why = "Index {0} has the colour of another class than id {0}."
    else:
        return
    if moved:
        raise TopformerError(
            f"{path} holds colours reduced to a palette, not class ids.",
            why=why.format(moved[0]),
            next_step="Use the data set's id files, or write the ids themselves as grey values.",
        )
