"""What `eval --json` prints of detectors."""

from typing import Annotated, Literal

import msgspec

from topformer.documents import Count, Document, SchemaName, Share, ShortText, Side
from topformer.manifest import WeightsInfo
from topformer.verbs.eval.document import ScaleDocument


class ClassBoxesDocument(Document, frozen=True, kw_only=True):
    """How well the boxes of one class were found; null where it has none."""

    id: Count
    # The data set's own id of it.
    category_id: int
    name: ShortText
    ap: Share | None
    ap50: Share | None
    # With up to 100 boxes a picture.
    ar: Share | None
    # To be found, without crowds.
    boxes: Count


class PictureBoxesDocument(Document, frozen=True, kw_only=True):
    """How well the boxes of one picture were found."""

    picture: str
    # Of all its boxes together, at IoU 0.50.
    ap50: Share
    boxes: Count


class BoxFiguresDocument(Document, frozen=True, kw_only=True):
    """COCO's twelve figures, from 0 to 1; null where no box is of that size.

    AP is the mean over IoU thresholds from 0.50 to 0.95 in ten steps and over the classes, AR that
    of the recall with up to so many boxes a picture. Small is below 32x32 pixels, large above
    96x96.
    """

    ap: Share | None
    ap50: Share | None
    ap75: Share | None
    ap_small: Share | None
    ap_medium: Share | None
    ap_large: Share | None
    ar_1: Share | None
    ar_10: Share | None
    ar_100: Share | None
    ar_small: Share | None
    ar_medium: Share | None
    ar_large: Share | None


class BoxEvalDocument(Document, frozen=True, kw_only=True):
    """Scores of a detector on a split."""

    schema: SchemaName = "topformer.box-eval/1"
    model: str
    runtime: ShortText
    variant: ShortText
    detection_head: ShortText
    weights: WeightsInfo
    random_weights: bool
    dataset: ShortText
    # The data set's own name of it, as in "val2017".
    split: ShortText
    # How many were scored: all of the split.
    pictures: Count
    boxes: Count
    # "whole": as published, pictures keep their shape and are filled up. "fixed": stretched to one
    # size. Scores of one protocol say nothing about those of the other.
    protocol: Literal["whole", "fixed"]
    protocol_description: ShortText
    # Of "whole", else null.
    scale: ScaleDocument | None
    # Height and width of "fixed", else null.
    image_size: tuple[Side, Side] | None
    # Boxes that score more count; the manifest's.
    score_threshold: Share
    figures: BoxFiguresDocument
    classes: tuple[ClassBoxesDocument, ...]
    # The lowest AP50 first.
    worst: Annotated[tuple[PictureBoxesDocument, ...], msgspec.Meta(max_length=64)]
    # What was written.
    files: tuple[str, ...]


class BoxEvalsDocument(Document, frozen=True, kw_only=True):
    """What `eval --json` prints of several detectors, scored on one split."""

    schema: SchemaName = "topformer.box-evals/1"
    dataset: ShortText
    split: ShortText
    pictures: Count
    # In the order in which they were named.
    models: tuple[BoxEvalDocument, ...]
