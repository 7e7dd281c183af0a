"""Latencies that TopFormer's authors published, to stand beside measured ones, never to be ranked.

No table of theirs that could be checked has them as numbers: they are read off two figures, by
measuring pixels. How they were taken is told by the official repository's notes on TNN
(github.com/hustvl/TopFormer, tnn_runtime.md).
"""

from collections.abc import Iterable

from topformer.benchmarks.documents.rows import MeasuredRow, Milliseconds, Row
from topformer.documents import Count, Document, ShortText, Side
from topformer.tasks import SEGMENTATION

_README = "figure speed_iou.png of github.com/hustvl/TopFormer"
_SEAFORMER = "figure latency.png of github.com/fudan-zvg/SeaFormer, by two of the same authors"


class PublishedRow(Document, frozen=True, kw_only=True):
    """A latency that somebody else published, and what it includes."""

    variant: ShortText
    image_size: tuple[Side, Side]
    classes: Count
    execute_ms: Milliseconds
    processor: ShortText
    runtime: ShortText
    threads: Count
    includes: ShortText
    source: ShortText


def _row(variant: str, side: int, execute_ms: float, source: str) -> PublishedRow:
    return PublishedRow(
        variant=variant,
        image_size=(side, side),
        classes=150,
        execute_ms=execute_ms,
        processor="Snapdragon 865, one ARM core",
        runtime="TNN",
        threads=1,
        includes="the network alone, to logits at 1/8: no preprocessing, upsampling or argmax",
        source=f"read off {source}",
    )


PUBLISHED = (
    _row("tiny", 448, 29.0, _README),
    _row("tiny", 512, 40.0, _README),
    _row("small", 512, 74.0, _README),
    _row("base", 512, 106.0, _README),
    _row("tiny", 512, 43.0, _SEAFORMER),
    _row("small", 512, 75.0, _SEAFORMER),
    _row("base", 512, 111.0, _SEAFORMER),
)


def published_rows(rows: Iterable[Row]) -> tuple[PublishedRow, ...]:
    """Return what was published of the variants and sizes that segment on real machines."""
    measured = (row for row in rows if isinstance(row, MeasuredRow) and row.task == SEGMENTATION)
    wanted = {(row.variant, row.image_size) for row in measured}
    return tuple(row for row in PUBLISHED if (row.variant, row.image_size) in wanted)
