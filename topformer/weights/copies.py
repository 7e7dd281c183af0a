"""The copies of the network in a dictionary of tensors: what stands before its own names is theirs.

See `unwrapping` for why names are looked for, and no list of keys and prefixes is kept.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from topformer.weights.dictionaries import TensorDictionary
from topformer.weights.disarm import Unreadable

_COPY_LIMIT = 64

# Components that wrappers put anywhere into a name: DataParallel, torch.compile, FSDP, activation
# checkpointing, DeepSpeed. The network itself has none of these.
WRAPPERS = {
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
AVERAGED = re.compile(r"(^|[^a-z])(n?ema|averaged?|avg|swa|shadow)([^a-z]|$)|model_?ema")
_TEACHER = re.compile(r"teacher|momentum")
# Inside the network's own parts: losses, and the counters that thop's profiler leaves.
COUNTED = re.compile(r"(^|\.)(total_ops|total_params)$")
_LOSS = re.compile(r"(^|\.)(loss\w*|criterion)\.")


@dataclass(frozen=True, kw_only=True)
class NetworkCopy:
    """One copy of the network's weights."""

    node: TensorDictionary
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
        """Where in the file it lies, for messages."""
        parts = [".".join(self.node.path), self.wrapping and f"{self.wrapping}*"]
        return " ".join(part for part in parts if part) or "the top of the file"

    @property
    def wrapping(self) -> str:
        """What stood before the official names."""
        return self.prefix if self.head is None else self.prefix.removesuffix("backbone.")

    @property
    def teacher(self) -> bool:
        """Whether it taught the network that is wanted."""
        return bool(_TEACHER.search(self.place.lower()))


@dataclass(frozen=True, kw_only=True)
class _Name:
    """A tensor's name, cut where the network's own begins."""

    owner: tuple[str, ...]
    own: str
    is_head: bool


def _bare(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for part in parts if part not in WRAPPERS)


def _cut(name: str) -> _Name | None:
    parts = name.split(".")
    bare = [(number, part) for number, part in enumerate(parts) if part not in WRAPPERS]
    for (number, part), (_, following) in pairwise(bare):
        anchor = _ANCHORS.get(part)
        if anchor and anchor.fullmatch(following) and not COUNTED.search(name):
            own = ".".join(_bare(parts[number:]))
            return _Name(owner=tuple(parts[:number]), own=own, is_head=part in _HEAD_PARTS)
    return None


def network_copies(node: TensorDictionary, *, swapped: bool) -> Iterator[NetworkCopy]:
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
    bare_names = {name: ".".join(_bare(name.split("."))) for name in node.entries} if cuts else {}
    for owner, own_names in backbones.items():
        head = _head_of(owner, list(heads), alone=len(backbones) == 1)
        start = "" if head is None else "backbone."
        names = {f"{start}{own}": name for own, name in own_names.items()}
        if head is not None:
            names |= {f"decode_head.{own}": name for own, name in heads[head].items()}
        else:
            names |= _classifier_head(bare_names, owner)
        averaged = bool(AVERAGED.search(".".join((*node.path, *owner)).lower()))
        if swapped and node.path in {("state_dict",), ("ema_state_dict",)}:
            averaged = not averaged
        yield NetworkCopy(
            node=node,
            backbone=_prefix(_bare(owner)),
            head=None if head is None else _prefix(_bare(head)),
            prefix=_prefix(cuts[next(iter(own_names.values()))].owner),
            names=names,
            averaged=averaged,
        )


def _prefix(owner: tuple[str, ...]) -> str:
    return "".join(f"{part}." for part in owner)


def _classifier_head(bare_names: Mapping[str, str], owner: tuple[str, ...]) -> dict[str, str]:
    start = _prefix(owner)
    return {
        bare.removeprefix(start): name
        for name, bare in bare_names.items()
        if bare.startswith(f"{start}{_CLASSIFIER_HEAD}.")
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


def inside(copy: NetworkCopy, name: str) -> str | None:
    """The official name of an unknown tensor inside the network's own parts; None elsewhere.

    Such a network was extended, and computes something else without that tensor.
    """
    bare = ".".join(_bare(name.split(".")))
    # What stands before a part's names in the file, and in the official naming.
    parts = [(copy.backbone, "backbone." if copy.head is not None else "")]
    if not copy.backbone:
        parts = [(f"{part}.", f"{part}.") for part in ("tpm", "trans", "SIM")]
    if copy.head is not None:
        parts.append((copy.head, "decode_head."))
    for start, own in parts:
        official = own + bare.removeprefix(start)
        if bare.startswith(start) and not COUNTED.search(bare) and not _LOSS.search(official):
            return official
    return None


def is_swapped(content: object) -> bool:
    """Whether this is mmengine's: it stores averaged weights as `state_dict`, the raw as EMA's."""
    return isinstance(content, dict) and {"message_hub", "state_dict", "ema_state_dict"} <= set(
        cast("dict[object, object]", content)
    )
