"""Finding the network's tensors in whatever a training script wrapped around them.

Scripts put weights under a key of their choice, wrappers put a prefix before every name, averaging
puts a second copy beside the first, and losses, auxiliary heads and counters of other tools come
along. None of these changes the network. So no list of keys and prefixes is kept: every dictionary
in the file is looked through for the names that only this network has (`tpm.layer1...`), what
stands before them is the prefix, and each prefix is one copy.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor

from topformer.text import brief
from topformer.weights.copies import (
    AVERAGED,
    COUNTED,
    WRAPPERS,
    NetworkCopy,
    inside,
    is_swapped,
    network_copies,
)
from topformer.weights.dictionaries import TensorDictionary, tensor_dictionaries
from topformer.weights.disarm import Unreadable
from topformer.weights.inert import Array, StandIn

_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Unwrapped:
    """Entries by their official names, unchecked, and what was taken off to get there."""

    entries: dict[Any, object]
    # Sentences for a person; none where nothing was wrapped.
    notes: tuple[str, ...]
    # The class of the pickled module whose tensors these are; empty where they lay in a dictionary.
    module: str = ""


def unwrap(content: object) -> Unwrapped:
    """Find the network's weights in the content of a checkpoint.

    Where several copies are whole, averaged ones are taken: their accuracy is what is published.
    Where there is no TopFormer, the largest dictionary of tensors is returned as it is. Raises
    `Unreadable` where there are no tensors at all.
    """
    nodes = list(tensor_dictionaries(content))
    swapped = is_swapped(content)
    copies = [copy for node in nodes for copy in network_copies(node, swapped=swapped)]
    if not copies:
        return _other_network(nodes, content)
    taken = min(
        enumerate(copies),
        key=lambda item: (item[1].teacher, -_weight_count(item[1]), not item[1].averaged, item[0]),
    )[1]
    entries: dict[Any, object] = {
        official: taken.node.entries[name] for official, name in taken.names.items()
    }
    beside = _beside(taken, copies)
    extensions = {name: official for name in beside if (official := inside(taken, name))}
    entries |= {official: taken.node.entries[name] for name, official in extensions.items()}
    left = [name for name in beside if name not in extensions]
    notes = tuple(_notes(taken, copies, left))
    return Unwrapped(entries=entries, notes=notes, module=taken.node.module)


def _weight_count(copy: NetworkCopy) -> int:
    return sum(not name.endswith("num_batches_tracked") for name in copy.names)


def _beside(taken: NetworkCopy, copies: list[NetworkCopy]) -> list[str]:
    """Names of tensors in the same dictionary that belong to no copy."""
    others = {name for copy in copies if copy.node is taken.node for name in copy.names.values()}
    return [
        name
        for name, value in taken.node.entries.items()
        if isinstance(value, Tensor) and name not in others
    ]


def _notes(taken: NetworkCopy, copies: list[NetworkCopy], left: list[str]) -> Iterator[str]:
    """Say what was taken off, which copy was taken, and what was left out, a sentence each."""
    if taken.node.module:
        yield (
            f"a whole pickled {brief(taken.node.module, 80)}: its tensors were taken, none of "
            "its code was run"
        )
    elif taken.node.path not in {(), ("state_dict",)}:
        yield f"found under {brief('.'.join(taken.node.path), 80)}"
    wrapped = _taken_off(taken)
    if wrapped:
        yield f"taken off every name: {brief(wrapped, 80)}"
    if len(copies) > 1:
        others = [copy for copy in copies if copy is not taken]
        kind = "averaged weights" if taken.averaged else "weights"
        places = ", ".join(_described(copy, taken) for copy in others[:_SHOWN])
        yield f"the {kind} of {brief(taken.place, 80)} were taken, not those of {places}"
    if left:
        groups = Counter(_group(name.removeprefix(taken.wrapping)) for name in left)
        shown = ", ".join(
            f"{brief(group, 60)} ({count} tensor{'s' if count > 1 else ''})"
            for group, count in groups.most_common(_SHOWN)
        )
        more = f" and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else ""
        yield f"left out, as the network does not use it: {shown}{more}"


def _described(other: NetworkCopy, taken: NetworkCopy) -> str:
    lacking = _weight_count(taken) - _weight_count(other)
    remark = f", which lacks {lacking} tensors" if lacking > 0 else ""
    return brief(other.place, 80) + remark


def _taken_off(copy: NetworkCopy) -> str:
    """What stood before the official names, and wrappers that stood within them."""
    inside = {part for name in copy.names.values() for part in name.split(".")} & WRAPPERS
    inside -= set(copy.wrapping.split("."))
    return " ".join(
        [*([copy.wrapping] if copy.wrapping else []), *(f"{p}." for p in sorted(inside))]
    )


def _group(name: str) -> str:
    """What to call a group of entries: their first component, or mmcv's averaged copy."""
    if name.startswith(("ema_backbone_", "ema_decode_head_")):
        return "ema_*, the second copy that mmcv averages with"
    if COUNTED.search(name):
        return "total_ops, total_params"
    first, _, rest = name.partition(".")
    while first in WRAPPERS and rest:
        first, _, rest = rest.partition(".")
    return first


def _other_network(nodes: list[TensorDictionary], content: object) -> Unwrapped:
    """Return the likeliest dictionary of tensors as it is, but for wrappers before every name."""
    if not nodes:
        raise Unreadable(
            f"It holds no tensors by name, but {_what(content)}.",
            next_step="Save tensors: torch.save(model.state_dict(), 'OUT.pth').",
        )
    taken = min(
        enumerate(nodes),
        key=lambda item: (
            not AVERAGED.search(".".join(item[1].path).lower()),
            -sum(isinstance(one, Tensor) for one in item[1].entries.values()),
            item[0],
        ),
    )[1]
    entries = {name: one for name, one in taken.entries.items() if isinstance(one, Tensor)}
    return Unwrapped(entries=_without_wrappers(entries), notes=())


def _without_wrappers(entries: Mapping[str, object]) -> dict[Any, object]:
    found = dict(entries)
    while all(
        name.partition(".")[0] in {*WRAPPERS, "model", "net", "network"} and "." in name
        for name in found
    ):
        stripped = {name.partition(".")[2]: value for name, value in found.items()}
        if len(stripped) < len(found):
            break
        found = stripped
    return dict(found)


def _what(content: object) -> str:
    if isinstance(content, StandIn):
        return f"a {brief(content.qualified, 80)}"
    if isinstance(content, dict):
        keys = cast("dict[object, object]", content)
        shown = ", ".join(map(_shown_key, list(keys)[:_SHOWN]))
        arrays = any(isinstance(value, Array) for value in keys.values())
        kind = "a dictionary of numpy arrays, called" if arrays else "a dictionary with"
        return f"{kind} {shown}" if shown else "an empty dictionary"
    return f"a {type(content).__name__}"


def _shown_key(key: object) -> str:
    """Write a text or a number; what else is a key may hold itself, or more than there is room."""
    if isinstance(key, str):
        return brief(repr(key[:40]), 40)
    return repr(key) if isinstance(key, int | float) else f"a {type(key).__name__}"
