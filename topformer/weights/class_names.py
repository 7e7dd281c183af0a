"""Class names and colours that training scripts store in a checkpoint.

mmseg 0.x writes `meta.CLASSES` and `meta.PALETTE`, mmengine `meta.dataset_meta.classes` and
`palette`; others put `classes` or `class_names` beside the weights.
"""

from collections.abc import Iterator
from itertools import islice
from typing import cast

from topformer.classes import named_classes
from topformer.documents import SHORT_TEXT_LIMIT
from topformer.errors import TopformerError
from topformer.manifest import CLASS_LIMIT, Classes
from topformer.weights.disarm import Unreadable
from topformer.weights.inert import StandIn, as_plain

CLASSES_BY_HAND = (
    "Give the names with `--classes FILE`, one a line: export, predict and eval take it."
)
_NAME_KEYS = ("classes", "class_names", "id2label")
_PALETTE_KEYS = ("palette", "colors", "colours")
# One array can be many names of a list, and one dictionary the attributes of many objects.
_PART_LIMIT_BYTES = 4 * SHORT_TEXT_LIMIT
_OBJECT_LIMIT = 20


def classes_in(content: object) -> Classes | None:
    """Return the classes a checkpoint names; None where it names none.

    Raises `Unreadable` for names that are malformed.
    """
    for place, told in _places(content):
        names = next((told[key] for key in _NAME_KEYS if told.get(key) is not None), None)
        listed = _listed(as_plain(names))
        if listed:
            palette = next((told[key] for key in _PALETTE_KEYS if told.get(key) is not None), None)
            return _checked([_part(name) for name in listed], palette)
        # In a meta the key has one meaning; elsewhere `classes` may well be a number.
        if names is not None and place == "meta":
            raise Unreadable(
                "Its meta has CLASSES that are no list of names.", next_step=CLASSES_BY_HAND
            )
    return None


def _checked(names: list[object], palette: object) -> Classes:
    try:
        return named_classes(names, None if palette is None else _colours(palette))
    except TopformerError as error:
        raise Unreadable(
            f"Its class names or their colours are malformed: {error.why}",
            next_step=CLASSES_BY_HAND,
        ) from error


def _places(content: object) -> Iterator[tuple[str, dict[str, object]]]:
    """Dictionaries that may name classes, the surest first, their keys in lower case."""
    whole = _lowered(content)
    meta = _lowered(whole.get("meta"))
    yield "meta", _lowered(meta.get("dataset_meta"))
    yield "meta", meta
    yield "top", _lowered(whole.get("dataset_meta"))
    yield "top", whole
    yield "top", _lowered(whole.get("hyper_parameters"))
    objects = (one for one in [content, *whole.values()] if isinstance(one, StandIn))
    for module in islice(objects, _OBJECT_LIMIT):
        # mmseg and mmengine hang the names on the model; a wrapper may be around it.
        inner = _lowered(_lowered(module).get("_modules")).get("module")
        for one in (module, inner):
            yield "top", _lowered(one)
            yield "top", _lowered(_lowered(one).get("dataset_meta"))


def _part(value: object) -> object:
    """Return one of many values as Python has it."""
    return as_plain(value, most_bytes=_PART_LIMIT_BYTES)


def _lowered(value: object) -> dict[str, object]:
    if isinstance(value, StandIn):
        value = value.attributes
    if not isinstance(value, dict):
        return {}
    found = cast("dict[object, object]", value)
    return {key.lower(): one for key, one in found.items() if isinstance(key, str)}


def _listed(names: object) -> list[object] | None:
    """Names as a list, also from a dictionary of ids and names; None for anything else."""
    if isinstance(names, dict):
        by_id = cast("dict[object, object]", names)
        ids = [_id(key) for key in list(by_id)[:CLASS_LIMIT]]
        if sorted(ids) != list(range(len(by_id))):
            return None
        return [
            name for _, name in sorted(zip(ids, by_id.values(), strict=True), key=lambda i: i[0])
        ]
    if not isinstance(names, list | tuple):
        return None
    several = cast("list[object]", names)
    return list(several) if len(several) <= CLASS_LIMIT else None


def _id(key: object) -> int:
    """Return a class's id; -1 for what is none. Longer texts are never turned into numbers."""
    if isinstance(key, str):
        return int(key) if key.isdecimal() and len(key) <= len(str(CLASS_LIMIT)) else -1
    return key if isinstance(key, int) else -1


def _colours(palette: object) -> object:
    """Colours as lists of whole numbers, whatever kind of number they were stored as."""
    plain = as_plain(palette)
    if not isinstance(plain, list | tuple):
        return plain
    several = cast("list[object]", plain)
    if len(several) > CLASS_LIMIT:
        return None
    return [_colour(_part(one)) for one in several]


def _colour(colour: object) -> object:
    if not isinstance(colour, list | tuple):
        return colour
    channels = [_part(channel) for channel in cast("list[object]", colour)[:4]]
    return [
        int(channel) if isinstance(channel, float) and channel.is_integer() else channel
        for channel in channels
    ]
