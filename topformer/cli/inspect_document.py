"""The JSON document of `inspect`, apart because the types it holds are slow to import."""

from topformer.benchmarks.profiling import OperatorTime
from topformer.documents import Document, SchemaName
from topformer.manifest import Manifest
from topformer.runtimes import GraphInfo


class InspectDocument(Document, frozen=True, kw_only=True):
    """What `inspect --json` prints."""

    schema: SchemaName = "topformer.inspect/1"
    path: str
    random_weights: bool
    manifest: Manifest
    # What was wrapped around a checkpoint's weights and taken off.
    notes: tuple[str, ...]
    graph: GraphInfo | None
    profile: tuple[OperatorTime, ...] | None
    plot: str | None
