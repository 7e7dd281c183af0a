"""How two rows compare, as JSON: of one bench, or of two."""

from typing import Literal

from topformer.benchmarks.documents.rows import Interval, Part
from topformer.documents import Document, Number, SchemaName, Share, ShortText

ComparisonKind = Literal["paired", "unpaired", "counted"]
RatioWord = Literal["faster", "slower", "no difference"]
CountWord = Literal["more instructions", "fewer instructions", "no difference"]


class PartRatio(Document, frozen=True, kw_only=True):
    """One part of a row as a multiple of the baseline's."""

    part: Part
    # Medians, in milliseconds or in instructions.
    baseline: Number
    contender: Number
    ratio: Number
    # Null for counts, which are exact.
    interval: Interval | None
    # Ratios nearer to 1 than this are called no difference.
    allowance: Number
    verdict: RatioWord | CountWord


class Comparison(Document, frozen=True, kw_only=True):
    """One row against another."""

    baseline: ShortText
    contender: ShortText
    # Milliseconds of one run, block by block; milliseconds of two runs; or instructions.
    kind: ComparisonKind
    # Share of the intervals that would hold the true value; null for counts.
    confidence: Share | None
    # In what the rows are not of one kind, so that no ranking means much.
    unlike: tuple[ShortText, ...]
    # Which of them was not measured well.
    doubts: tuple[ShortText, ...]
    parts: tuple[PartRatio, ...]


class CompareDocument(Document, frozen=True, kw_only=True):
    """What `compare --json` prints: how many times as long, or as many, the contender takes."""

    schema: SchemaName = "topformer.compare/1"
    baseline: str
    # Null where the rows of one document were compared with each other.
    contender: str | None
    rows: tuple[Comparison, ...]
    # Names of rows that the other document does not have.
    baseline_only: tuple[ShortText, ...]
    contender_only: tuple[ShortText, ...]
