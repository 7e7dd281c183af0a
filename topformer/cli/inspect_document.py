"""The JSON document of `inspect`, apart because the types it holds are slow to import."""

from typing import Literal

from topformer.benchmarks.profiling import OperatorTime
from topformer.manifest import Document, Manifest
from topformer.runtimes import GraphInfo


class InspectDocument(Document, frozen=True, kw_only=True):
    """What `inspect --json` prints."""

    schema: Literal["topformer.inspect/1"] = "topformer.inspect/1"
    path: str
    random_weights: bool
    manifest: Manifest
    # What was wrapped around a checkpoint's weights and taken off.
    notes: tuple[str, ...]
    graph: GraphInfo | None
    profile: tuple[OperatorTime, ...] | None
    plot: str | None
