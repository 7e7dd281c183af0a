"""Looks through a split with boxes before anything is trained on it: entries and pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topformer.data.coco.sorting import MOST_TOLD, Problems
from topformer.data.coco.splits import BoxedPicture, BoxedSplit, open_turned
from topformer.data.coco.suspicions import box_doubts, name_boxes
from topformer.data.doubts import Doubt, of_files
from topformer.data.pairs import PictureProgress, read_ahead
from topformer.errors import TopformerError

# The EXIF orientation of pictures that viewers leave as they are.
UPRIGHT = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxReport:
    """What was found in a split with boxes."""

    # What is sound of it.
    split: BoxedSplit
    # The first of each kind; `problem_count` counts all.
    problems: tuple[TopformerError, ...]
    problem_count: int
    # What is in no entry a problem, and probably not meant.
    doubts: tuple[Doubt, ...]
    # By class, without crowds: boxes, and pictures that have one; int64 [k].
    boxes: NDArray[np.int64]
    pictures: NDArray[np.int64]
    # By class, int64 [k], and in a sentence where the first of them are.
    crowds: NDArray[np.int64]
    first_crowds: str
    # Pictures without a box.
    background: int
    # Height and width of the smallest and of the largest picture, by area; None without any.
    smallest: tuple[int, int] | None
    largest: tuple[int, int] | None


def check_boxes(
    split: BoxedSplit, problems: Problems, *, progress: PictureProgress | None = None
) -> BoxReport:
    """Look at what `finding.sort_split` read, and open every picture; nothing is raised."""
    unreadable: list[TopformerError] = []
    turned: list[Path] = []
    opened = read_ahead(split, _orientation, threads=2)
    for done, (picture, found) in enumerate(opened, start=1):
        if isinstance(found, TopformerError):
            unreadable.append(found)
        elif found != UPRIGHT:
            turned.append(picture.path)
        if progress is not None:
            progress(done, len(split))
    classes = len(split.category_ids)
    alone = ~split.crowd
    owners = split.boxes_by_picture()
    with_class = np.unique(np.stack([owners[alone], split.labels[alone]], 1), axis=0)
    sizes = sorted({(height, width) for height, width in split.sizes.tolist()}, key=_area)
    crowds = np.flatnonzero(split.crowd)
    doubt = of_files("turned-pictures", turned)
    return BoxReport(
        split=split,
        problems=(*problems.told, *unreadable[:MOST_TOLD]),
        problem_count=problems.count + len(unreadable),
        doubts=(*box_doubts(split), *([doubt] if doubt else [])),
        boxes=np.bincount(split.labels[alone], minlength=classes),
        pictures=np.bincount(with_class[:, 1], minlength=classes),
        crowds=np.bincount(split.labels[split.crowd], minlength=classes),
        first_crowds=name_boxes(split, crowds) if len(crowds) else "",
        background=len(split) - len(np.unique(owners)),
        smallest=sizes[0] if sizes else None,
        largest=sizes[-1] if sizes else None,
    )


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _orientation(picture: BoxedPicture) -> int | TopformerError:
    try:
        return open_turned(picture)[1]
    except TopformerError as error:
        return error
