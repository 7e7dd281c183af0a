"""What is not wrong with any entry of a split with boxes, and still is probably not meant."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topformer.data.coco.splits import SMALLEST_SIDE_PX, BoxedSplit
from topformer.data.doubts import FILES_SHOWN, Doubt
from topformer.text import brief

# Boxes are drawn by hand, and rounded: so far beyond an edge is nothing.
EDGE_PX = 1.0
_NAMES_SHOWN = 10

Mask = NDArray[np.bool_]


def box_doubts(split: BoxedSplit) -> tuple[Doubt, ...]:
    """All doubts about a split's boxes, of what can be known without opening a picture."""
    found = (
        _empty(split),
        _outside(split),
        _cut(split),
        _duplicates(split),
        _unlisted(split),
        _unused(split),
    )
    return tuple(doubt for doubt in found if doubt is not None)


def _sides(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    return (corners[:, 2:] - corners[:, :2]).min(1, initial=np.inf)


def _inside(split: BoxedSplit) -> NDArray[np.float32]:
    """Corners cut at the edges of their pictures, [n, 4]."""
    heights, widths = split.sizes[split.boxes_by_picture()].T
    edges = np.stack([widths, heights, widths, heights], 1).astype(np.float32)
    return np.clip(split.corners, np.float32(0), edges)


def _empty(split: BoxedSplit) -> Doubt | None:
    return _of_boxes(
        split,
        _sides(split.corners) < SMALLEST_SIDE_PX,
        kind="empty-boxes",
        what="{many} less than a pixel wide or high.",
        why="Nothing is learnt from them, and nothing that is found can match them.",
        next_step="Draw them anew, or take them out.",
    )


def _outside(split: BoxedSplit) -> Doubt | None:
    return _of_boxes(
        split,
        _all_outside(split),
        kind="boxes-outside",
        what="{many} outside their pictures.",
        why="Nothing is learnt from them. Boxes of another picture, or of another size of it, look "
        "so.",
        next_step="Compare them with the picture, and draw them anew.",
    )


def _all_outside(split: BoxedSplit) -> Mask:
    """Boxes with an area of which less than a pixel lies in the picture."""
    whole, inside = _sides(split.corners), _sides(_inside(split))
    return (whole >= SMALLEST_SIDE_PX) & (inside < SMALLEST_SIDE_PX)


def _cut(split: BoxedSplit) -> Doubt | None:
    beyond = np.abs(split.corners - _inside(split)).max(1, initial=0) > EDGE_PX
    return _of_boxes(
        split,
        beyond & ~_all_outside(split) & (_sides(split.corners) >= SMALLEST_SIDE_PX),
        kind="boxes-over-the-edge",
        what="{many} in part outside their pictures.",
        why="They are cut at the edge for training. Corners written as centre and size, or two "
        "corners written in place of a corner and a size, look so.",
        next_step="A bbox is left, top, width, height. Look at the drawn samples, where they come "
        "first.",
    )


def _duplicates(split: BoxedSplit) -> Doubt | None:
    rows = np.concatenate(
        [
            split.boxes_by_picture()[:, None].astype(np.float64),
            split.labels[:, None],
            split.crowd[:, None],
            split.corners,
        ],
        1,
    )
    again = np.ones(len(rows), bool)
    again[np.unique(rows, axis=0, return_index=True)[1]] = False
    return _of_boxes(
        split,
        again,
        kind="duplicate-boxes",
        what="{many} drawn twice: one of the same class has the same corners.",
        why="What is found can match one of them only; the other counts as missed.",
        next_step="Take them out.",
    )


def _unlisted(split: BoxedSplit) -> Doubt | None:
    suffixes = {name.rpartition(".")[2].lower() for name in split.file_names}
    listed = set(split.file_names)
    others = sorted(
        path
        for path in split.folder.iterdir()
        if path.name not in listed and path.suffix[1:].lower() in suffixes
    )
    if not others:
        return None
    return Doubt(
        kind="unlisted-pictures",
        what=f"{len(others):,} pictures of the folder are not among the annotations.",
        why="They are not used. A picture without objects has an entry in `images`, too.",
        next_step="Add entries for them, or move them away.",
        count=len(others),
        files=tuple(others[:FILES_SHOWN]),
    )


def _unused(split: BoxedSplit) -> Doubt | None:
    counts = np.bincount(split.labels[~split.crowd], minlength=len(split.category_ids))
    unused = [split.classes.names[number] for number in np.flatnonzero(counts == 0).tolist()]
    if not unused:
        return None
    names = ", ".join(map(brief, unused[:_NAMES_SHOWN]))
    names += f" and {len(unused) - _NAMES_SHOWN:,} more" if len(unused) > _NAMES_SHOWN else ""
    return Doubt(
        kind="unused-classes",
        what=f"{len(unused):,} of {len(counts):,} classes have no box: {names}.",
        why="They can be neither learnt nor scored here.",
        next_step="Leave out categories that are not meant, or add boxes of them.",
        count=len(unused),
    )


def _of_boxes(
    split: BoxedSplit, doubtful: Mask, *, kind: str, what: str, why: str, next_step: str
) -> Doubt | None:
    """A doubt about boxes, which names the first of them; none where there are none."""
    positions = np.flatnonzero(doubtful)
    if not len(positions):
        return None
    many = "1 box is" if len(positions) == 1 else f"{len(positions):,} boxes are"
    pictures: list[int] = split.boxes_by_picture()[positions].tolist()
    return Doubt(
        kind=kind,
        what=what.format(many=many),
        why=f"{name_boxes(split, positions)} {why}",
        next_step=next_step,
        count=len(positions),
        files=tuple(split.folder / split.file_names[one] for one in list(dict.fromkeys(pictures)))[
            :FILES_SHOWN
        ],
    )


def name_boxes(split: BoxedSplit, positions: NDArray[np.intp] | Sequence[int]) -> str:
    """Name the first boxes by their annotations and pictures, in a sentence."""
    first = np.array(positions[:FILES_SHOWN], np.intp)
    annotations: list[int] = split.annotation_ids[first].tolist()
    pictures: list[int] = split.boxes_by_picture()[first].tolist()
    shown = ", ".join(
        f"{annotation} in {brief(split.file_names[picture], 60)}"
        for annotation, picture in zip(annotations, pictures, strict=True)
    )
    more = len(positions) - FILES_SHOWN
    noun = "Annotation" if len(positions) == 1 else "Annotations"
    return f"{noun} {shown}{f' and {more:,} more' if more > 0 else ''}."
