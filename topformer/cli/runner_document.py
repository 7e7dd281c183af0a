"""What `topformer runner build --json` prints."""

from topformer.benchmarks.bundle.build import Bundle
from topformer.documents import Count, Document, SchemaName


class RunnerBuildDocument(Document, frozen=True, kw_only=True):
    """A bundle of the runner in this user's cache."""

    schema: SchemaName = "topformer.runner-build/1"
    folder: str
    # False when it was built before.
    is_new: bool
    size_bytes: Count
    # Starts the runner where it lies now; a copy elsewhere starts the same way from its folder.
    command: tuple[str, ...]
    bundle: Bundle
