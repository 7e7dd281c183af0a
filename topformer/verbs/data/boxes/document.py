"""What `data check --json` prints of a data set with boxes."""

from topformer.documents import Count, Document, SchemaName, ShortText
from topformer.verbs.data.document import ProblemDocument, WarningDocument


class ClassBoxCountsDocument(Document, frozen=True, kw_only=True):
    """How often one class occurs in a split."""

    id: Count
    # The data set's own id of it.
    category_id: int
    name: ShortText
    # Without crowds.
    boxes: Count
    # Those that have such a box.
    pictures: Count
    crowds: Count


class BoxSplitCheckDocument(Document, frozen=True, kw_only=True):
    """What was found in one split."""

    # The data set's own name of it, as in "val2017".
    split: ShortText
    pictures: Count
    # Without crowds.
    boxes: Count
    # Boxes around many objects, which are neither learnt nor missed.
    crowds: Count
    # Where the first of them are; empty where there are none.
    first_crowds: str
    # Pictures without a box.
    background: Count
    # (height, width) of the smallest and the largest picture, as annotated; null without any.
    smallest: tuple[Count, Count] | None
    largest: tuple[Count, Count] | None
    classes: tuple[ClassBoxCountsDocument, ...]
    problem_count: Count
    # The first of each kind.
    problems: tuple[ProblemDocument, ...]
    warnings: tuple[WarningDocument, ...]
    # A picture of samples with their boxes; null where none of them could be read.
    sheet: str | None


class BoxDataCheckDocument(Document, frozen=True, kw_only=True):
    """What `data check --json` prints of a data set with boxes."""

    schema: SchemaName = "topformer.box-data-check/1"
    dataset: ShortText
    root: str
    # Licence terms of the pictures, as far as known.
    terms: ShortText
    # Without any problem and any warning.
    sound: bool
    splits: tuple[BoxSplitCheckDocument, ...]
