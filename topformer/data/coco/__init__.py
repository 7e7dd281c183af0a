"""Pictures with boxes, in COCO's format: one JSON a split, and a folder with its pictures."""

from topformer.data.coco.finding import read_split
from topformer.data.coco.splits import (
    BoxedPicture,
    BoxedSplit,
    open_boxed,
    require_same_classes,
)

__all__ = ["BoxedPicture", "BoxedSplit", "open_boxed", "read_split", "require_same_classes"]
