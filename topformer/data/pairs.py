"""A picture and its labels, opened together, and many of them read ahead."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median_low
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from topformer.data.label_files import LabelFile, open_labels
from topformer.data.layouts import FoundPairs, Pair
from topformer.errors import TopformerError
from topformer.images import quiet_decoders, read_picture, read_turned
from topformer.manifest import Classes

DROP_ORIENTATION = (
    "Take the orientation out of such pictures, `exiftool -Orientation= FILE`, so that they stay "
    "as stored, or turn the labels as the pictures are turned."
)
# So many tell how large a split's pictures usually are.
SIZED_PICTURES = 32
# Pictures that wait for their turn, per thread that reads.
_AHEAD = 2

# Called with the pictures that are done and all that there are.
PictureProgress = Callable[[int, int], None]

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class OpenedPair:
    """A picture RGB [h, w, 3] with the EXIF orientation it was turned by, and its labels."""

    picture: NDArray[np.uint8]
    orientation: int
    labels: LabelFile


def open_pair(pair: Pair, found: FoundPairs, classes: Classes) -> OpenedPair:
    """Open a picture and its labels, each turned as its own EXIF orientation says.

    Raises `TopformerError` when either cannot be read or their sizes differ.
    """
    picture, orientation = read_turned(pair.picture)
    labels = open_labels(pair.labels, found.table, classes)
    if picture.shape[:2] != labels.ids.shape:
        raise _other_size(pair, picture.shape[:2], labels.ids.shape, orientation)
    return OpenedPair(picture=picture, orientation=orientation, labels=labels)


def _other_size(
    pair: Pair, picture: tuple[int, ...], labels: tuple[int, ...], orientation: int
) -> TopformerError:
    what = f"{pair.labels} is not of its picture's size."
    if orientation >= 5 and labels == picture[::-1]:
        return TopformerError(
            what,
            why=f"{pair.picture} has EXIF orientation {orientation}, which turns it from "
            f"{labels[1]}x{labels[0]} to {picture[1]}x{picture[0]}, as viewers show it; the labels "
            "were drawn on the stored pixels.",
            next_step=DROP_ORIENTATION,
        )
    return TopformerError(
        what,
        why=f"The labels are {labels[1]}x{labels[0]}, {pair.picture} is {picture[1]}x{picture[0]}.",
        next_step="Resize neither by hand: get the labels that belong to this picture.",
    )


def usual_picture_size(found: FoundPairs) -> tuple[int, int]:
    """Median (height, width) of a split's pictures, of up to 32 spread evenly over it.

    Raises `TopformerError` when one of them cannot be read.
    """
    step = -(-len(found.pairs) // SIZED_PICTURES)
    shapes = [read_picture(pair.picture).shape for pair in found.pairs[::step]]
    return median_low(shape[0] for shape in shapes), median_low(shape[1] for shape in shapes)


def read_ahead(
    items: Iterable[Item], read: Callable[[Item], Result], *, threads: int = 1
) -> Generator[tuple[Item, Result]]:
    """Yield each item with what `read` makes of it, in order; threads read those that come next.

    What `read` raises is raised when its item's turn has come. Decoders run outside Python's lock,
    so threads use the cores: one beside a network, more where nothing else works.
    """
    with quiet_decoders(), ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        try:
            for item in items:
                waiting.append((item, pool.submit(read, item)))
                if len(waiting) > _AHEAD * threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
