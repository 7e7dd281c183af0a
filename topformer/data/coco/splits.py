"""Pictures with the boxes of their objects, as training and scoring take them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topformer.errors import TopformerError
from topformer.images import read_turned
from topformer.manifest import Classes

# Smaller ones are not learnt from. Source: mmdetection 2, `CocoDataset._parse_ann_info`.
SMALLEST_SIDE_PX = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxedPicture:
    """A picture of a split, not opened yet, and the n objects in it."""

    path: Path
    id: int
    # In pixels, of the picture as it is seen, as the annotation file says.
    width: int
    height: int
    # (left, top, right, bottom) in pixels of the picture, float32 [n, 4], as annotated.
    corners: NDArray[np.float32]
    # Class ids, int32 [n].
    labels: NDArray[np.int32]
    # Boxes around many objects, which are neither learnt nor missed, bool [n].
    crowd: NDArray[np.bool_]
    # Of the objects' outlines in pixels, float64 [n]: sizes for scoring.
    areas: NDArray[np.float64]
    # The annotations' own ids, int64 [n].
    annotation_ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def clipped(self) -> NDArray[np.float32]:
        """Corners cut at the picture's edges, float32 [n, 4]."""
        edges = np.array([self.width, self.height] * 2, np.float32)
        return np.clip(self.corners, np.float32(0), edges)

    def learnable(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Corners [m, 4] within the picture and class ids [m] of what can be learnt from.

        Left out are crowds, and boxes of which less than a pixel either way lies in the picture.
        """
        corners = self.clipped()
        sides = corners[:, 2:] - corners[:, :2]
        chosen = ~self.crowd & (sides >= SMALLEST_SIDE_PX).all(1)
        return corners[chosen], self.labels[chosen]


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxedSplit(Sequence[BoxedPicture]):
    """A split: its pictures by id, each made when it is asked for.

    All numbers lie in a few arrays, so that reading processes share them.
    """

    # As in "val2017".
    name: str
    classes: Classes
    # The file's own ids of the classes, by class id, ascending.
    category_ids: tuple[int, ...]
    # Where the pictures lie.
    folder: Path
    file_names: tuple[str, ...]
    # int64 [p], and (height, width), int32 [p, 2].
    picture_ids: NDArray[np.int64]
    sizes: NDArray[np.int32]
    # The boxes of picture i are those from starts[i] to starts[i + 1], int64 [p + 1].
    starts: NDArray[np.int64]
    # Of all boxes, as `BoxedPicture` has them.
    corners: NDArray[np.float32]
    labels: NDArray[np.int32]
    crowd: NDArray[np.bool_]
    areas: NDArray[np.float64]
    annotation_ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.file_names)

    def __getitem__(self, position: int) -> BoxedPicture:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return a picture by its position; slices are not taken, see `subset`."""
        position = range(len(self))[position]
        own = slice(int(self.starts[position]), int(self.starts[position + 1]))
        height, width = self.sizes[position].tolist()
        return BoxedPicture(
            path=self.folder / self.file_names[position],
            id=int(self.picture_ids[position]),
            width=width,
            height=height,
            corners=self.corners[own],
            labels=self.labels[own],
            crowd=self.crowd[own],
            areas=self.areas[own],
            annotation_ids=self.annotation_ids[own],
        )

    def __iter__(self) -> Iterator[BoxedPicture]:
        return (self[position] for position in range(len(self)))

    def subset(self, positions: Sequence[int]) -> "BoxedSplit":
        """Return these pictures only, in the order of their positions."""
        chosen = sorted(positions)
        counts = np.diff(self.starts)[chosen]
        boxes = np.flatnonzero(np.isin(self.boxes_by_picture(), chosen))
        return BoxedSplit(
            name=self.name,
            classes=self.classes,
            category_ids=self.category_ids,
            folder=self.folder,
            file_names=tuple(self.file_names[one] for one in chosen),
            picture_ids=self.picture_ids[chosen],
            sizes=self.sizes[chosen],
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            corners=self.corners[boxes],
            labels=self.labels[boxes],
            crowd=self.crowd[boxes],
            areas=self.areas[boxes],
            annotation_ids=self.annotation_ids[boxes],
        )

    def boxes_by_picture(self) -> NDArray[np.int64]:
        """Positions of the pictures that the boxes are in, by box."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))


def open_boxed(picture: BoxedPicture) -> NDArray[np.uint8]:
    """Open a picture as RGB [h, w, 3], turned as its EXIF orientation says.

    Raises `TopformerError` when it cannot be read, or has another size than its annotations say.
    """
    return open_turned(picture)[0]


def open_turned(picture: BoxedPicture) -> tuple[NDArray[np.uint8], int]:
    """Open a picture as `open_boxed` does; returns its EXIF orientation too, 1 for upright."""
    pixels, orientation = read_turned(picture.path)
    found, expected = (pixels.shape[1], pixels.shape[0]), (picture.width, picture.height)
    if found == expected:
        return pixels, orientation
    turned = orientation >= 5 and found == expected[::-1]
    raise TopformerError(
        f"{picture.path} has another size than its annotations say.",
        why=f"It is {found[0]}x{found[1]}, and picture {picture.id} is said to be "
        f"{expected[0]}x{expected[1]}."
        + (
            f" It has EXIF orientation {orientation}, by which viewers turn it; its boxes were "
            "drawn on the stored pixels."
            if turned
            else ""
        ),
        next_step="Take the orientation out of such pictures, `exiftool -Orientation= FILE`."
        if turned
        else "Get the picture that belongs to these boxes; boxes are not resized with a picture.",
    )


def require_same_classes(first: BoxedSplit, second: BoxedSplit) -> None:
    """Raise `TopformerError` where two splits of a set do not have the same classes."""
    sides = [(one.category_ids, one.classes.names) for one in (first, second)]
    if sides[0] != sides[1]:
        raise TopformerError(
            f"{first.name} and {second.name} have different categories.",
            why=f"{first.name} has {len(first.category_ids)}, {second.name} "
            f"{len(second.category_ids)}; their ids and names must be equal.",
            next_step="Write the same `categories` into both annotation files.",
        )
