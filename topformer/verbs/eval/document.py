"""What `eval --json` prints."""

from typing import Annotated, Literal

import msgspec

from topformer.documents import Count, Document, SchemaName, Share, ShortText, Side
from topformer.manifest import WeightsInfo


class ScaleDocument(Document, frozen=True, kw_only=True):
    """The size of pictures under the protocol "whole".

    A picture is scaled, keeping its shape, until its long side is `long_px` or its short side is
    `short_px`, whichever comes first; then each side is rounded up to a multiple of `multiple_px`.
    """

    long_px: Count
    short_px: Count
    multiple_px: Count


class ClassScoreDocument(Document, frozen=True, kw_only=True):
    """How well one class was found."""

    id: Count
    name: ShortText
    # Null where the class occurs neither in the labels nor in what was found.
    iou: Share | None
    # Share of its pixels that were found; null where the labels have none.
    accuracy: Share | None
    # Of the labels.
    pixels: Count


class PictureScoreDocument(Document, frozen=True, kw_only=True):
    """How well one picture came out."""

    picture: str
    # Over the classes that its labels hold.
    miou: Share
    pixel_accuracy: Share


class EvalDocument(Document, frozen=True, kw_only=True):
    """Scores from 0 to 1 of a model on a split; null where nothing was there to be scored."""

    schema: SchemaName = "topformer.eval/1"
    model: str
    runtime: ShortText
    variant: ShortText
    weights: WeightsInfo
    random_weights: bool
    dataset: ShortText
    split: ShortText
    # How many were scored: all of the split.
    pictures: Count
    # "whole": as published, pictures keep their shape. "fixed": stretched to one size. Scores of
    # one protocol say nothing about those of the other.
    protocol: Literal["whole", "fixed"]
    protocol_description: ShortText
    # Of "whole", else null.
    scale: ScaleDocument | None
    # Height and width of "fixed", else null.
    image_size: tuple[Side, Side] | None
    # The mean over the classes that have an IoU.
    miou: Share | None
    # The mean over the classes that have an accuracy.
    mean_accuracy: Share | None
    pixel_accuracy: Share | None
    classes: tuple[ClassScoreDocument, ...]
    # Pixels [truth][predicted], by class id.
    confusion: tuple[tuple[Count, ...], ...]
    # The lowest mIoU first.
    worst: Annotated[tuple[PictureScoreDocument, ...], msgspec.Meta(max_length=64)]
    # What was written.
    files: tuple[str, ...]


class EvalsDocument(Document, frozen=True, kw_only=True):
    """What `eval --json` prints of several models, scored on one split."""

    schema: SchemaName = "topformer.evals/1"
    dataset: ShortText
    split: ShortText
    pictures: Count
    # In the order in which they were named.
    models: tuple[EvalDocument, ...]
