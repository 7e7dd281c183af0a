"""Class names and colours of the data sets TopFormer is trained on.

The lists are package data, `names/KEY.json`, each a `Classes` document. Colours are for the eye
only: some data sets give two classes one colour, so ids are stored and never read back from them.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources

import msgspec

from topformer.errors import TopformerError, UsageError
from topformer.manifest import Classes

# In the order in which a bare class count is matched to a data set.
DATASETS = (
    "ade20k",
    "coco-stuff-171",
    "pascal-context-59",
    "pascal-context-60",
    "cityscapes",
    "pascal-voc",
    "camvid",
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
    stripped = tuple(name.strip() if isinstance(name, str) else name for name in names)
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


def assumed_classes(count: int) -> Classes:
    """Choose names for weights that carry none: those of the data set with as many classes.

    The data set's label says that this is an assumption. Counts that fit none get numbers.
    """
    for known in _all():
        if len(known.names) == count:
            return Classes(
                dataset=f"{known.dataset} (assumed: the weights name no classes, but have {count})",
                names=known.names,
                palette=known.palette,
            )
    return Classes(
        dataset="not stated",
        names=tuple(f"class {number}" for number in range(count)),
        palette=spread_palette(count),
    )


def spread_palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """Colours for `count` classes, all different: PASCAL VOC's colour map.

    Source: VOCdevkit, VOClabelcolormap.m. The bits of the id, lowest first, go in turn to red,
    green and blue, each filling its channel from the top bit down.
    """
    return tuple(_voc_colour(number) for number in range(count))


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
