"""Finding the network's tensors in whatever a training script wrapped around them.

Scripts put weights under a key of their choice, wrappers put a prefix before every name, averaging
puts a second copy beside the first, and losses, auxiliary heads and counters of other tools come
along. None of these changes the network. So no list of keys and prefixes is kept: every dictionary
in the file is looked through for the names that only this network has (`tpm.layer1...`), what
stands before them is the prefix, and each prefix is one copy.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from torch import Tensor

from topformer.text import brief
from topformer.weights.disarm import Array, StandIn, Unreadable

_DEPTH_LIMIT = 8
_NODE_LIMIT = 20_000
_COPY_LIMIT = 64
_SHOWN = 4

# Components that wrappers put anywhere into a name: DataParallel, torch.compile, FSDP, activation
# checkpointing, DeepSpeed. The network itself has none of these.
_WRAPPERS = {
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
}
# A component, and the one after it, from which on a name is the network's own.
_ANCHORS = {
    "tpm": re.compile(r"stem|layer\d+"),
    "trans": re.compile(r"transformer_blocks"),
    "SIM": re.compile(r"\d+"),
    "conv_seg": re.compile(r"weight|bias"),
    "linear_fuse": re.compile(r"conv|bn"),
}
_HEAD_PARTS = {"conv_seg", "linear_fuse"}
# What hangs beside a classifier's pyramid, as official names have it.
_CLASSIFIER_HEAD = "head"
_AVERAGED = re.compile(r"(^|[^a-z])(n?ema|averaged?|avg|swa|shadow)([^a-z]|$)|model_?ema")
_TEACHER = re.compile(r"teacher|momentum")
# Dictionaries of an optimizer can have the network's names, and hold moments.
_NO_WEIGHTS = re.compile(
    r"^opt(im(izer)?s?)?(_|$)|optimizer|exp_avg|moment(s|um_buffer)|^grad|sched"
)
# Inside the network's own parts: losses, and the counters that thop's profiler leaves.
_COUNTED = re.compile(r"(^|\.)(total_ops|total_params)$")
_LOSS = re.compile(r"(^|\.)(loss\w*|criterion)\.")


@dataclass(frozen=True, kw_only=True)
class Unwrapped:
    """Entries by their official names, unchecked, and what was taken off to get there."""

    entries: dict[Any, object]
    # Sentences for a person; none where nothing was wrapped.
    notes: tuple[str, ...]
    # The class of the pickled module whose tensors these are; empty where they lay in a dictionary.
    module: str = ""


@dataclass(frozen=True, kw_only=True)
class _Node:
    """A dictionary of tensors somewhere in the file."""

    path: tuple[str, ...]
    entries: dict[str, object]
    # The class of a pickled module whose tensors these are.
    module: str = ""


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """One copy of the network's weights."""

    node: _Node
    # What stood before the backbone's names, and the head's, wrappers aside; None without a head.
    backbone: str
    head: str | None
    # What stood before the first name of all, wrappers included.
    prefix: str
    # Official name -> the name in the node.
    names: dict[str, str]
    averaged: bool

    @property
    def place(self) -> str:
        parts = [".".join(self.node.path), self.wrapping and f"{self.wrapping}*"]
        return " ".join(part for part in parts if part) or "the top of the file"

    @property
    def wrapping(self) -> str:
        """What stood before the official names."""
        return self.prefix if self.head is None else self.prefix.removesuffix("backbone.")

    @property
    def teacher(self) -> bool:
        return bool(_TEACHER.search(self.place.lower()))


def unwrap(content: object) -> Unwrapped:
    """Find the network's weights in the content of a checkpoint.

    Where several copies are whole, averaged ones are taken: their accuracy is what is published.
    Where there is no TopFormer, the largest dictionary of tensors is returned as it is. Raises
    `Unreadable` where there are no tensors at all.
    """
    nodes = list(_nodes(content))
    swapped = _is_swapped(content)
    copies = [copy for node in nodes for copy in _copies(node, swapped=swapped)]
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
    extensions = {name: official for name in beside if (official := _inside(taken, name))}
    entries |= {official: taken.node.entries[name] for name, official in extensions.items()}
    left = [name for name in beside if name not in extensions]
    notes = tuple(_notes(taken, copies, left))
    return Unwrapped(entries=entries, notes=notes, module=taken.node.module)


def _nodes(content: object) -> Iterator[_Node]:
    """Every dictionary with tensors, outer ones first; what has been seen is not seen again."""
    waiting: list[tuple[tuple[str, ...], object]] = [((), content)]
    seen: set[int] = set()
    for path, value in waiting:  # Grows as it is walked.
        if id(value) in seen or len(path) > _DEPTH_LIMIT or len(waiting) > _NODE_LIMIT:
            continue
        seen.add(id(value))
        if isinstance(value, StandIn):
            entries = dict(_module_tensors(value))
            if entries:
                yield _Node(path=path, entries=entries, module=value.qualified)
            else:
                waiting.append(((*path, "attributes"), value.attributes))
        elif isinstance(value, dict):
            found = cast("dict[object, object]", value)
            named = {name: one for name, one in found.items() if isinstance(name, str)}
            if any(isinstance(one, Tensor) for one in named.values()):
                yield _Node(path=path, entries=named)
            waiting += [
                ((*path, name), one)
                for name, one in named.items()
                if isinstance(one, dict | list | tuple | StandIn)
                and not _NO_WEIGHTS.search(name.lower())
            ]
        elif isinstance(value, list | tuple):
            several = cast("list[object] | tuple[object, ...]", value)
            waiting += [
                ((*path, str(number)), one)
                for number, one in enumerate(several)
                if isinstance(one, dict | StandIn)
            ]


def _module_tensors(module: StandIn) -> Iterator[tuple[str, object]]:
    """Names and tensors of a pickled module that was not built, as its state_dict would be."""
    waiting: list[tuple[str, StandIn]] = [("", module)]
    count = 0
    for prefix, one in waiting:  # Grows as it is walked.
        parts = one.attributes
        passing = parts.get("_non_persistent_buffers_set")
        skipped = passing.arguments[:1] if isinstance(passing, StandIn) else ()
        for kind in ("_parameters", "_buffers"):
            for name, value in _items(parts.get(kind)):
                hidden = any(isinstance(names, list) and name in names for names in skipped)
                if isinstance(value, Tensor) and not hidden:
                    yield f"{prefix}{name}", value
        for name, value in _items(parts.get("_modules")):
            count += 1
            if count > _NODE_LIMIT or len(prefix) > 1000:
                raise Unreadable("Its modules are nested without end.")
            if isinstance(value, StandIn):
                waiting.append((f"{prefix}{name}.", value))


def _items(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        found = cast("dict[object, object]", value)
        yield from ((name, one) for name, one in found.items() if isinstance(name, str))


def _is_swapped(content: object) -> bool:
    """Whether this is mmengine's: it stores averaged weights as `state_dict`, the raw as EMA's."""
    return isinstance(content, dict) and {"message_hub", "state_dict", "ema_state_dict"} <= set(
        cast("dict[object, object]", content)
    )


@dataclass(frozen=True, kw_only=True)
class _Name:
    """A tensor's name, cut where the network's own begins."""

    owner: tuple[str, ...]
    own: str
    is_head: bool


def _bare(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for part in parts if part not in _WRAPPERS)


def _cut(name: str) -> _Name | None:
    parts = name.split(".")
    bare = [(number, part) for number, part in enumerate(parts) if part not in _WRAPPERS]
    for (number, part), (_, following) in pairwise(bare):
        anchor = _ANCHORS.get(part)
        if anchor and anchor.fullmatch(following) and not _COUNTED.search(name):
            own = ".".join(_bare(parts[number:]))
            return _Name(owner=tuple(parts[:number]), own=own, is_head=part in _HEAD_PARTS)
    return None


def _copies(node: _Node, *, swapped: bool) -> Iterator[_Copy]:
    """The copies of the network in one dictionary: one for each prefix of a backbone."""
    cuts = {name: cut for name in node.entries if (cut := _cut(name))}
    # Wrappers of single parts make one copy's prefixes differ; of the whole, two copies'.
    places = {(_bare(cut.owner), cut.own) for cut in cuts.values()}
    distinct = len(places) == len(cuts)
    backbones: dict[tuple[str, ...], dict[str, str]] = {}
    heads: dict[tuple[str, ...], dict[str, str]] = {}
    for name, cut in cuts.items():
        owner = _bare(cut.owner) if distinct else cut.owner
        (heads if cut.is_head else backbones).setdefault(owner, {})[cut.own] = name
    if len(backbones) + len(heads) > _COPY_LIMIT:
        raise Unreadable(f"It has the network's names under more than {_COPY_LIMIT} prefixes.")
    for owner, own_names in backbones.items():
        head = _head_of(owner, list(heads), alone=len(backbones) == 1)
        start = "" if head is None else "backbone."
        names = {f"{start}{own}": name for own, name in own_names.items()}
        if head is not None:
            names |= {f"decode_head.{own}": name for own, name in heads[head].items()}
        else:
            names |= _classifier_head(node, owner)
        averaged = bool(_AVERAGED.search(".".join((*node.path, *owner)).lower()))
        if swapped and node.path in {("state_dict",), ("ema_state_dict",)}:
            averaged = not averaged
        yield _Copy(
            node=node,
            backbone=_prefix(_bare(owner)),
            head=None if head is None else _prefix(_bare(head)),
            prefix=_prefix(cuts[next(iter(own_names.values()))].owner),
            names=names,
            averaged=averaged,
        )


def _prefix(owner: tuple[str, ...]) -> str:
    return "".join(f"{part}." for part in owner)


def _classifier_head(node: _Node, owner: tuple[str, ...]) -> dict[str, str]:
    start = _prefix(owner)
    return {
        bare.removeprefix(start): name
        for name in node.entries
        if (bare := ".".join(_bare(name.split(".")))).startswith(f"{start}{_CLASSIFIER_HEAD}.")
    }


def _head_of(
    owner: tuple[str, ...], heads: list[tuple[str, ...]], *, alone: bool
) -> tuple[str, ...] | None:
    """Find the head that belongs to a backbone: the one beside it, never an auxiliary one."""
    beside = [
        # The surest first: of the official name, and with the very same parent.
        (head[-1:] != ("decode_head",), head[:-1] != owner[:-1], head)
        for head in heads
        if "aux" not in "".join(head[-1:]).lower()
        and (_bare(head)[:-1] == _bare(owner)[:-1] or alone)
    ]
    return min(beside)[2] if beside else None


def _weight_count(copy: _Copy) -> int:
    return sum(not name.endswith("num_batches_tracked") for name in copy.names)


def _beside(taken: _Copy, copies: list[_Copy]) -> list[str]:
    """Names of tensors in the same dictionary that belong to no copy."""
    others = {name for copy in copies if copy.node is taken.node for name in copy.names.values()}
    return [
        name
        for name, value in taken.node.entries.items()
        if isinstance(value, Tensor) and name not in others
    ]


def _inside(copy: _Copy, name: str) -> str | None:
    """The official name of an unknown tensor inside the network's own parts; None elsewhere.

    Such a network was extended, and computes something else without that tensor.
    """
    bare = ".".join(_bare(name.split(".")))
    # What stands before a part's names in the file, and in the official naming.
    parts = [(copy.backbone, "backbone." if copy.head else "")]
    if not copy.backbone:
        parts = [(f"{part}.", f"{part}.") for part in ("tpm", "trans", "SIM")]
    if copy.head:
        parts.append((copy.head, "decode_head."))
    for start, own in parts:
        official = own + bare.removeprefix(start)
        if bare.startswith(start) and not _COUNTED.search(bare) and not _LOSS.search(official):
            return official
    return None


def _notes(taken: _Copy, copies: list[_Copy], left: list[str]) -> Iterator[str]:
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


def _described(other: _Copy, taken: _Copy) -> str:
    lacking = _weight_count(taken) - _weight_count(other)
    remark = f", which lacks {lacking} tensors" if lacking > 0 else ""
    return brief(other.place, 80) + remark


def _taken_off(copy: _Copy) -> str:
    """What stood before the official names, and wrappers that stood within them."""
    inside = {part for name in copy.names.values() for part in name.split(".")} & _WRAPPERS
    inside -= set(copy.wrapping.split("."))
    return " ".join(
        [*([copy.wrapping] if copy.wrapping else []), *(f"{p}." for p in sorted(inside))]
    )


def _group(name: str) -> str:
    """What to call a group of entries: their first component, or mmcv's averaged copy."""
    if name.startswith(("ema_backbone_", "ema_decode_head_")):
        return "ema_*, the second copy that mmcv averages with"
    if _COUNTED.search(name):
        return "total_ops, total_params"
    first, _, rest = name.partition(".")
    while first in _WRAPPERS and rest:
        first, _, rest = rest.partition(".")
    return first


def _other_network(nodes: list[_Node], content: object) -> Unwrapped:
    """Return the likeliest dictionary of tensors as it is, but for wrappers before every name."""
    if not nodes:
        raise Unreadable(
            f"It holds no tensors by name, but {_what(content)}.",
            next_step="Save tensors: torch.save(model.state_dict(), 'OUT.pth').",
        )
    taken = min(
        enumerate(nodes),
        key=lambda item: (
            not _AVERAGED.search(".".join(item[1].path).lower()),
            -sum(isinstance(one, Tensor) for one in item[1].entries.values()),
            item[0],
        ),
    )[1]
    entries = {name: one for name, one in taken.entries.items() if isinstance(one, Tensor)}
    return Unwrapped(entries=_without_wrappers(entries), notes=())


def _without_wrappers(entries: Mapping[str, object]) -> dict[Any, object]:
    found = dict(entries)
    while all(
        name.partition(".")[0] in {*_WRAPPERS, "model", "net", "network"} and "." in name
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
        shown = ", ".join(brief(repr(key), 40) for key in list(keys)[:_SHOWN])
        arrays = any(isinstance(value, Array) for value in keys.values())
        kind = "a dictionary of numpy arrays, called" if arrays else "a dictionary with"
        return f"{kind} {shown}" if shown else "an empty dictionary"
    return f"a {type(content).__name__}"
