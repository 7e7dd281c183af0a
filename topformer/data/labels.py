"""Label files: PNGs whose pixel values are class ids, translated to train ids."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topformer.errors import TopformerError
from topformer.files import open_regular
from topformer.images import LARGEST_PICTURE_PX, quiet_decoders
from topformer.manifest import Classes

# Counted nowhere: neither in the loss nor in any metric.
IGNORED = 255
# In a label table: the data set has no such value.
INVALID = 254
MOST_CLASSES = 254

# Of train id, or `IGNORED`, or `INVALID`, by the value in the file; 256 entries.
LabelTable = NDArray[np.uint8]

_ID_MODES = ("1", "L", "P")
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L")
# Grey of 2 and 4 bits is stretched to 0..255 by Pillow, by these factors; ids must not be.
_STRETCHED = {"L;2": 85, "L;4": 17}


def label_table(values: Sequence[int], *, ignored: tuple[int, ...] = (IGNORED,)) -> LabelTable:
    """Build the table of a data set from its classes' values in files, in the classes' order."""
    table = np.full(256, INVALID, np.uint8)
    table[list(values)] = np.arange(len(values))
    table[list(ignored)] = IGNORED
    return table


def read_labels(path: Path, table: LabelTable, classes: Classes) -> NDArray[np.uint8]:
    """Read a label PNG as train ids [H, W].

    Raises `TopformerError`, naming the file and what to do, for a file that is no PNG, holds
    colours in place of ids, or holds a value that the data set does not have.
    """
    values, colours = _read_values(path)
    if colours is not None:
        _refuse_permuted_palette(path, values, colours, table, classes)
    labels = table[values]
    wrong = labels == INVALID
    if wrong.any():
        found = np.unique(values[wrong])
        shown = ", ".join(map(str, found[:5])) + (" ..." if len(found) > 5 else "")
        raise TopformerError(
            f"{path} holds labels out of range: {shown}.",
            why=f"{classes.dataset} has {len(classes.names)} classes, in files as "
            f"{_describe(table)}.",
            next_step="Check that --dataset names the right data set and that the ids were not "
            "shifted; set pixels of no class to an ignored value.",
        )
    return labels


def _describe(table: LabelTable) -> str:
    """Say which values a table takes, as in '1-150; 0, 255 are ignored'."""
    used = np.flatnonzero(table < INVALID)
    ignored = np.flatnonzero(table == IGNORED)
    gaps = "" if len(used) == used[-1] - used[0] + 1 else " with gaps"
    return f"{used[0]}-{used[-1]}{gaps}; ignored: {', '.join(map(str, ignored))}"


def _read_values(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Pixel values [H, W], and the file's own palette [n, 3] where it has one."""
    try:
        with (
            quiet_decoders(),
            open_regular(path, kind="label file") as stream,
            Image.open(stream, formats=("PNG",)) as image,
        ):
            if image.width * image.height > LARGEST_PICTURE_PX:
                raise TopformerError(
                    f"{path} has too many pixels.",
                    why=f"At most {LARGEST_PICTURE_PX:,} are read.",
                )
            packing = image.tile[0].args if image.tile else ""
            image.load()
            if image.mode in _ID_MODES:
                palette = image.getpalette() if image.mode == "P" else None
                colours = None if palette is None else np.array(palette, np.uint8).reshape(-1, 3)
                values = np.array(image, np.uint8)
                return values // _STRETCHED.get(str(packing), 1), colours
            if image.mode in _WIDE_MODES:
                return _narrow(path, np.asarray(image)), None
            mode = image.mode
    except TopformerError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TopformerError(
            f"{path} has too many pixels.", why=f"At most {LARGEST_PICTURE_PX:,} are read."
        ) from None
    except FileNotFoundError:
        raise TopformerError(f"{path} does not exist.") from None
    except Exception as error:  # decoders of damaged files raise almost anything
        raise TopformerError(
            f"{path} cannot be read as labels.",
            why=f"{error or type(error).__name__}.",
            next_step="Labels are PNG files whose pixel values are class ids; get the file again.",
        ) from error
    raise TopformerError(
        f"{path} holds colours ({mode}), not class ids.",
        why="Labels are PNGs of one channel whose values are ids. Colours cannot be turned back "
        "safely: some data sets give two classes one colour.",
        next_step="Use the data set's id files, or convert the colours with the tool that made "
        "them.",
    )


def _narrow(path: Path, values: NDArray[np.integer]) -> NDArray[np.uint8]:
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 255:
        raise TopformerError(
            f"{path} holds labels out of range: up to {int(values.max())}.",
            why="Ids have 8 bits here; 255 is ignored.",
            next_step="These may be instance ids or a packed format; use the files of class ids.",
        )
    return values.astype(np.uint8)


def _refuse_permuted_palette(
    path: Path,
    values: NDArray[np.uint8],
    colours: NDArray[np.uint8],
    table: LabelTable,
    classes: Classes,
) -> None:
    """Refuse a colour picture reduced to a palette: its indices look like ids and are not.

    It gives itself away when every colour it uses is some class's and one of them is another
    class's than its index says.
    """
    by_colour: dict[tuple[int, ...], set[int]] = {}
    for number, colour in enumerate(classes.palette):
        by_colour.setdefault(colour, set()).add(number)
    moved: list[int] = []
    for value in np.unique(values).tolist():
        if value >= len(colours) or table[value] == IGNORED:
            continue
        owners = by_colour.get(tuple(colours[value].tolist()))
        if owners is None:
            return
        if int(table[value]) not in owners:
            moved.append(value)
    if moved:
        raise TopformerError(
            f"{path} holds colours reduced to a palette, not class ids.",
            why=f"Index {moved[0]} has the colour of another class than id {moved[0]}.",
            next_step="Use the data set's id files, or write the ids themselves as grey values.",
        )
