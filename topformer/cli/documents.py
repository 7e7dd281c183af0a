"""What the verbs print with `--json`, apart from them so that their help does not wait for it."""

from typing import Literal

from topformer.documents import Count, Document, SchemaName, Share, ShortText
from topformer.manifest import Delegation, Parity, WeightsInfo


class ErrorDocument(Document, frozen=True, kw_only=True):
    """What `--json` prints when a verb fails before it has a result."""

    schema: SchemaName = "topformer.error/1"
    what: str
    why: str
    next_step: str


class VariantRow(Document, frozen=True, kw_only=True):
    """One size of the network, at 150 classes."""

    name: ShortText
    parameters: Count
    # Multiply-adds of a square picture of that side, to the logits at 1/8.
    macs_448: Count
    macs_512: Count
    default_weights: Literal["bundled", "random"]


class CheckpointRow(Document, frozen=True, kw_only=True):
    """One published checkpoint."""

    name: ShortText
    task: ShortText
    dataset: ShortText
    variant: ShortText
    crop_px: Count
    batch: int | None
    metric: ShortText
    score_percent: float
    source: ShortText
    licence: ShortText
    cached: bool


class ModelsDocument(Document, frozen=True, kw_only=True):
    """What `topformer models --json` prints."""

    schema: SchemaName = "topformer.models/1"
    variants: tuple[VariantRow, ...]
    checkpoints: tuple[CheckpointRow, ...]


class ExportedFileDocument(Document, frozen=True, kw_only=True):
    """One exported file."""

    path: str
    manifest: str
    target: str
    precision: str
    size_bytes: int
    sha256: str
    parity: Parity
    delegation: Delegation


class ExportDocument(Document, frozen=True, kw_only=True):
    """What `export --json` prints."""

    schema: SchemaName = "topformer.export/1"
    passed: bool
    weights: WeightsInfo
    random_weights: bool
    # What was wrapped around the weights and taken off.
    notes: tuple[str, ...]
    files: tuple[ExportedFileDocument, ...]


class VerifyDocument(Document, frozen=True, kw_only=True):
    """What `verify --json` prints."""

    schema: SchemaName = "topformer.verify/1"
    path: str
    sha256: str
    passed: bool
    random_weights: bool
    # "manifest": against the samples stored at export. "weights": against the float64 network.
    against: Literal["manifest", "weights"]
    parity: Parity


class ClassDocument(Document, frozen=True, kw_only=True):
    """A class that was found; `share` is of the picture's pixels."""

    id: int
    name: str
    share: Share


class PictureDocument(Document, frozen=True, kw_only=True):
    """One picture that was segmented, and the files made from it at its own size."""

    path: str
    width: int
    height: int
    overlay: str
    labels: str
    # Largest share first.
    classes: tuple[ClassDocument, ...]


class FailureDocument(Document, frozen=True, kw_only=True):
    """One picture that could not be read."""

    path: str
    what: str
    why: str
    next_step: str


class PredictDocument(Document, frozen=True, kw_only=True):
    """What `predict --json` prints."""

    schema: SchemaName = "topformer.predict/1"
    model: str
    runtime: str
    variant: str
    weights: WeightsInfo
    random_weights: bool
    # Height and width of the network's input, to which pictures are resized.
    image_size: tuple[int, int]
    pictures: tuple[PictureDocument, ...]
    failures: tuple[FailureDocument, ...]


class Check(Document, frozen=True, kw_only=True):
    """One thing looked at."""

    name: str
    kind: Literal["package", "runtime", "tool"]
    # Tools are optional: nothing but their own verb needs them.
    state: Literal["ok", "failed", "missing", "optional"]
    detail: str
    remedy: str = ""


class DoctorDocument(Document, frozen=True, kw_only=True):
    """What `doctor --json` prints."""

    schema: SchemaName = "topformer.doctor/1"
    python: str
    machine: str
    healthy: bool
    checks: tuple[Check, ...]
