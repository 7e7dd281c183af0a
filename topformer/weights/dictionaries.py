"""Every dictionary of tensors in the content of a file, however deep it lies."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import cast

from torch import Tensor

from topformer.text import brief
from topformer.weights.disarm import Unreadable
from topformer.weights.inert import StandIn

_DEPTH_LIMIT = 8
# What reads names splits and joins them, so a long one would cost many times its size.
NAME_LIMIT = 300
# A history may have a dictionary for each step of a training.
_NODE_LIMIT = 200_000
_MODULE_LIMIT = 20_000
_PATH_LIMIT = 1000
_HIDDEN_LIMIT = 100
# Dictionaries of an optimizer can have the network's names, and hold moments.
_NO_WEIGHTS = re.compile(
    r"^opt(im(izer)?s?)?(_|$)|optimizer|exp_avg|moment(s|um_buffer)|^grad|sched"
)


@dataclass(frozen=True, kw_only=True)
class TensorDictionary:
    """A dictionary of tensors somewhere in the file."""

    path: tuple[str, ...]
    entries: dict[str, object]
    # The class of a pickled module whose tensors these are.
    module: str = ""


def tensor_dictionaries(content: object) -> Iterator[TensorDictionary]:
    """Every dictionary with tensors, outer ones first; what has been seen is not seen again."""
    waiting: list[tuple[tuple[str, ...], object]] = [((), content)]
    seen: set[int] = set()
    steps = count(1)
    for path, value in waiting:  # Grows as it is walked.
        if id(value) in seen or len(path) > _DEPTH_LIMIT:
            continue
        seen.add(id(value))
        below: list[tuple[str, object]] = []
        if isinstance(value, StandIn):
            entries = dict(_module_tensors(value, steps))
            if entries:
                yield TensorDictionary(path=path, entries=entries, module=value.qualified)
            else:
                below = [("attributes", value.attributes)]
        elif isinstance(value, dict):
            found = cast("dict[object, object]", value)
            named = dict(_named(found))
            if any(isinstance(one, Tensor) for one in named.values()):
                yield TensorDictionary(path=path, entries=named)
            below = [
                (name, one)
                for name, one in named.items()
                if isinstance(one, dict | list | tuple | StandIn)
                and not _NO_WEIGHTS.search(name.lower())
            ]
        elif isinstance(value, list | tuple):
            several = cast("list[object] | tuple[object, ...]", value)
            below = [
                (str(number), one)
                for number, one in enumerate(several)
                if isinstance(one, dict | StandIn)
            ]
        # What is full takes no more, and what waits already still gets its turn.
        room = max(0, _NODE_LIMIT - len(waiting))
        waiting += [((*path, name), one) for name, one in below[:room]]


def _named(found: dict[object, object]) -> Iterator[tuple[str, object]]:
    """Entries by name; of those whose name has no end only a tensor is missed."""
    for name, value in found.items():
        if isinstance(name, str) and len(name) <= NAME_LIMIT:
            yield name, value
        elif isinstance(name, str) and isinstance(value, Tensor):
            raise Unreadable(f"An entry's name is {brief(name)!r}.")


def _module_tensors(module: StandIn, steps: Iterator[int]) -> Iterator[tuple[str, object]]:
    """Names and tensors of a pickled module that was not built, as its state_dict would be.

    `steps` counts the parts of all modules of the file, which may share them.
    """
    waiting: list[tuple[str, StandIn]] = [("", module)]
    for prefix, one in waiting:  # Grows as it is walked.
        parts = one.attributes
        passing = parts.get("_non_persistent_buffers_set")
        skipped = passing.arguments[:1] if isinstance(passing, StandIn) else ()
        for kind in ("_parameters", "_buffers"):
            for name, value in _items(parts.get(kind)):
                hidden = any(
                    isinstance(names, list) and name in names[:_HIDDEN_LIMIT] for names in skipped
                )
                if isinstance(value, Tensor) and not hidden:
                    yield _joined(prefix, name, next(steps)), value
        for name, value in _items(parts.get("_modules")):
            below = _joined(prefix, name, next(steps))
            if isinstance(value, StandIn):
                waiting.append((f"{below}.", value))


def _joined(prefix: str, name: str, step: int) -> str:
    if step > _MODULE_LIMIT or len(prefix) + len(name) > _PATH_LIMIT:
        raise Unreadable("Its modules are nested without end.")
    return f"{prefix}{name}"


def _items(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        found = cast("dict[object, object]", value)
        yield from ((name, one) for name, one in found.items() if isinstance(name, str))
