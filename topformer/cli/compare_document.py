"""What `compare` prints with `--json`."""

from topformer.benchmarks.comparison import RowComparison
from topformer.documents import Document, SchemaName, ShortText


class CompareDocument(Document, frozen=True, kw_only=True):
    """What `compare --json` prints: how many times as long, or as many, the contender takes."""

    schema: SchemaName = "topformer.compare/1"
    baseline: str
    # Null where the rows of one document were compared with each other.
    contender: str | None
    rows: tuple[RowComparison, ...]
    # Names of rows that the other document does not have.
    baseline_only: tuple[ShortText, ...]
    contender_only: tuple[ShortText, ...]
