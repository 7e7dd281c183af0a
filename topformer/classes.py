"""Class names and colours: of the data sets TopFormer is trained on, and of people's own files.

The lists are package data, `names/KEY.json`, each a `Classes` document. Colours are for the eye
only: some data sets give two classes one colour, so ids are stored and never read back from them.
"""

from collections.abc import Sequence
from colorsys import hsv_to_rgb
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec

from topformer.documents import SHORT_TEXT_LIMIT, Channel, ShortText
from topformer.errors import TopformerError, UsageError
from topformer.files import read_text
from topformer.manifest import ClassCount, Classes

# COCO's own ids of its classes, in their order: 1 to 90 without those that no box has.
COCO_CATEGORY_IDS = tuple(
    one for one in range(1, 91) if one not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
)

_GOLDEN_RATIO = 0.618034
_FILE_LIMIT_BYTES = 2**22
# What stands for the data set of classes that only have numbers.
_UNNAMED = "not named by the weights"

DATASETS = (
    "ade20k",
    "coco-stuff-171",
    "pascal-context-59",
    "pascal-context-60",
    "cityscapes",
    "pascal-voc",
    "camvid",
    "coco",
)


@cache
def dataset_classes(key: str) -> Classes:
    """Return the classes of a data set; raises `UsageError` for a key not in `DATASETS`."""
    if key not in DATASETS:
        raise UsageError(
            f"There are no class names for a data set called {key!r}.",
            next_step=f"Choose one of {', '.join(DATASETS)}.",
        )
    data = resources.files("topformer").joinpath("names", f"{key}.json").read_bytes()
    return msgspec.json.decode(data, type=Classes)


def named_classes(names: Sequence[object], palette: object = None) -> Classes:
    """Build classes from the names and colours a file brought along.

    Known names bring their data set and, where `palette` is None, its colours. Raises
    `TopformerError` when the values are not texts and triples of 0..255.
    """
    stripped = tuple(map(_stripped, names))
    known = next((known for known in _all() if known.names == stripped), None)
    if palette is None:
        palette = known.palette if known else spread_palette(len(stripped))
    dataset = known.dataset if known else "not stated"
    try:
        return msgspec.convert(
            {"dataset": dataset, "names": stripped, "palette": palette}, type=Classes
        )
    except msgspec.ValidationError as error:
        raise TopformerError("The class names or colours are malformed.", why=str(error)) from error


def _stripped(name: object) -> object:
    """Take blanks off a name; one text may stand for many that are too long, and copies for GB."""
    if isinstance(name, str) and len(name) <= SHORT_TEXT_LIMIT:
        return name.strip()
    return name


def numbered_classes(count: int) -> Classes:
    """Stand-ins for weights that name no classes: "class 0", "class 1", ...

    No data set is guessed from the count: another one with as many classes would be named wrongly.
    """
    return Classes(
        dataset=_UNNAMED,
        names=tuple(f"class {number}" for number in range(count)),
        palette=spread_palette(count),
    )


def are_numbered(classes: Classes) -> bool:
    """Whether these stand in for names that nobody gave."""
    return classes.dataset == _UNNAMED


def datasets_with(count: int) -> tuple[str, ...]:
    """Keys of the data sets that have so many classes, which may or may not be the ones meant."""
    return tuple(key for key in DATASETS if len(dataset_classes(key).names) == count)


class ClassesFile(msgspec.Struct):
    """The classes.json of a folder; what else stands in it is not ours to judge."""

    classes: Annotated[tuple[ShortText, ...], msgspec.Meta(min_length=1)]
    palette: tuple[tuple[Channel, Channel, Channel], ...] | None = None
    # The value of pixels that count nowhere, besides 255.
    ignore_label: Channel = 255


def read_classes(source: str) -> Classes:
    """Read the classes a person names: a key of `DATASETS`, or the path of a file.

    The file is JSON, as the `classes.json` of a folder of pictures or a list of names, or plain
    text with a name a line. Colours that it does not give are made. Raises `UsageError`.
    """
    if source in DATASETS:
        return dataset_classes(source)
    path = Path(source)
    if not path.is_file():
        raise UsageError(
            f"There is no file {source} to read class names from.",
            next_step="Write one name a line, in the order of the ids, or name a data set: "
            f"{', '.join(DATASETS)}.",
        )
    text = read_class_list(path)
    try:
        return _named_in(text)
    except (TopformerError, msgspec.MsgspecError, RecursionError) as error:
        why = error.why or error.what if isinstance(error, TopformerError) else str(error)
        raise UsageError(
            f"{path} does not name classes.",
            why=why,
            next_step='Write one name a line, or {"classes": ["sky", ...], "palette": '
            "[[128, 128, 128], ...]}; palette may be left out.",
        ) from error


def read_class_list(path: Path) -> str:
    """Read a file of class names as text; raises `TopformerError`."""
    return read_text(path, limit_bytes=_FILE_LIMIT_BYTES, kind="list of class names")


def _named_in(text: str) -> Classes:
    start = text.lstrip()[:1]
    if start == "{":
        described = msgspec.json.decode(text, type=ClassesFile)
        names, palette = described.classes, described.palette
    elif start == "[":
        names, palette = msgspec.json.decode(text, type=tuple[ShortText, ...]), None
    else:
        names, palette = tuple(line for line in text.splitlines() if line.strip()), None
    msgspec.convert(len(names), type=ClassCount)
    return named_classes(names, palette)


def check_count(classes: Classes, count: int, source: str) -> Classes:
    """Return classes that a person named, where they are as many as the model has.

    Raises `UsageError`, naming `source`, where they are not.
    """
    if len(classes.names) != count:
        raise UsageError(
            f"{len(classes.names)} class names were given, and {source} has {count} classes.",
            next_step="Give one name for each class, in the order of the ids.",
        )
    return classes


def spread_palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """Colours for `count` classes, all different: PASCAL VOC's colour map.

    Source: VOCdevkit, VOClabelcolormap.m. The bits of the id, lowest first, go in turn to red,
    green and blue, each filling its channel from the top bit down.
    """
    return tuple(_voc_colour(number) for number in range(count))


def vivid_palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """Bright colours for the frames of `count` classes, those of neighbours far apart.

    Hues go around the circle in steps of the golden ratio, so that those of any first few are
    spread over it; light and dark, pale and full ones take turns.
    """
    tones = ((0.85, 1.0), (1.0, 0.8), (0.55, 1.0), (0.7, 0.85))
    colours = (
        hsv_to_rgb(number * _GOLDEN_RATIO % 1, *tones[number % len(tones)])
        for number in range(count)
    )
    return tuple((round(255 * r), round(255 * g), round(255 * b)) for r, g, b in colours)


def _voc_colour(number: int) -> tuple[int, int, int]:
    red = green = blue = 0
    for bit in range(7, -1, -1):
        red |= (number & 1) << bit
        green |= (number >> 1 & 1) << bit
        blue |= (number >> 2 & 1) << bit
        number >>= 3
    return red, green, blue


def _all() -> list[Classes]:
    return [dataset_classes(key) for key in DATASETS]
