"""What `data check --json` prints."""

from topformer.documents import Count, Document, SchemaName, ShortText


class ProblemDocument(Document, frozen=True, kw_only=True):
    """Something that is wrong with a file, and what to do about it."""

    what: str
    why: str
    next_step: str


class WarningDocument(Document, frozen=True, kw_only=True):
    """Something about a split that is probably not meant, though each file can be used."""

    # A word for programs, as in "unused-classes".
    kind: ShortText
    what: str
    why: str
    next_step: str
    # Of files, or of classes where no files are named.
    count: Count
    # The first of them.
    files: tuple[str, ...]


class ClassContentDocument(Document, frozen=True, kw_only=True):
    """How often one class occurs in the labels of a split."""

    id: Count
    name: ShortText
    pixels: Count
    pictures: Count


class SplitCheckDocument(Document, frozen=True, kw_only=True):
    """What was found in one split."""

    split: ShortText
    pairs: Count
    ignored_pixels: Count
    # Pictures all of whose pixels are ignored.
    empty_pictures: Count
    # (height, width) of the smallest and the largest picture; null where none could be read.
    smallest: tuple[Count, Count] | None
    largest: tuple[Count, Count] | None
    classes: tuple[ClassContentDocument, ...]
    problem_count: Count
    # The first of them.
    problems: tuple[ProblemDocument, ...]
    warnings: tuple[WarningDocument, ...] = ()
    # A picture of samples with their labels; null where none of them could be read.
    sheet: str | None


class DataCheckDocument(Document, frozen=True, kw_only=True):
    """What `data check --json` prints."""

    schema: SchemaName = "topformer.data-check/1"
    dataset: ShortText
    root: str
    # Licence terms of the pictures, as far as known.
    terms: ShortText
    # Without any problem and any warning.
    sound: bool
    splits: tuple[SplitCheckDocument, ...]
