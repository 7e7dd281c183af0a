"""The manifest: the one description that travels with every exported file.

`NAME.pte` or `NAME.onnx` is never alone: `NAME.json` beside it says all that is needed to use it.
Everything that runs a model takes sizes, normalisation, class names and palette from there.
"""

import math
from contextlib import suppress
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from topformer.documents import (
    Channel,
    Count,
    Document,
    Number,
    Positive,
    SchemaName,
    Seed,
    Sha256,
    Share,
    ShortText,
    Side,
    read_document,
)
from topformer.errors import TopformerError, UsageError
from topformer.files import sha256_file
from topformer.sets import finish_set

MANIFEST_LIMIT_BYTES = 16 * 2**20
# That may come while a pair is read.
_EXCHANGES = 2

# Label maps are stored in 8 or 16 bits.
CLASS_LIMIT = 65_535
ClassCount = Annotated[int, msgspec.Meta(ge=1, le=CLASS_LIMIT)]
ChannelTriple = tuple[float, float, float]
# Levels of a picture are 0 to 255, and all that is computed of them must be finite in float32.
_LARGEST_LEVEL = 1e6
_LEAST_DEVIATION = 1e-6
# Between float32 arrays.
Error = Annotated[float, msgspec.Meta(ge=-3.5e38, le=3.5e38)]


# Of a box against its anchor: torchvision's bound, from anchors of 16 pixels to 1000.
LARGEST_LOG_SCALE = math.log(1000 / 16)
# What a proof takes for the same box, where the precision allows for it.
SAME_IOU = 0.99
_Coordinate = Annotated[float, msgspec.Meta(ge=-1e5, le=1e5)]
AnchorBox = tuple[_Coordinate, _Coordinate, _Coordinate, _Coordinate]


class WeightsInfo(Document, frozen=True, kw_only=True):
    """Where the numbers in the model come from."""

    name: ShortText
    # Of the checkpoint file; of the drawn tensors when the weights are random.
    sha256: Sha256
    licence: ShortText
    source: ShortText
    # A random draw is repeatable: torch's seed before `create_model`.
    random_seed: Seed | None = None

    @property
    def is_random(self) -> bool:
        """Whether the weights are a random draw, good for latency and nothing else."""
        return self.random_seed is not None


class ModelInfo(Document, frozen=True, kw_only=True):
    """Which network this is."""

    variant: ShortText
    num_classes: ClassCount
    fused_channels: Count
    depthwise_head: bool
    # What the outputs mean: a name that `topformer.tasks` knows.
    task: ShortText = "semantic-segmentation"
    # Of detectors, as in "lite"; else empty.
    detection_head: ShortText = ""


class CalibrationInfo(Document, frozen=True, kw_only=True):
    """The pictures from which a precision learnt what values the activations take."""

    # As in "camvid train"; a folder's own name.
    source: ShortText
    pictures: Count
    seed: Count


class FileInfo(Document, frozen=True, kw_only=True):
    """The exported file itself."""

    name: ShortText
    sha256: Sha256
    size_bytes: Count
    target: ShortText
    precision: ShortText
    libraries: dict[str, str]
    # Of precisions that are calibrated, else null.
    calibration: CalibrationInfo | None = None
    # Layers that the precision was to change and that were kept in float32, by module path.
    float_layers: tuple[ShortText, ...] = ()


class InputInfo(Document, frozen=True, kw_only=True):
    """The tensor that goes in, and how a picture becomes it.

    A picture is resized to the input size with Pillow's bilinear filter (its sides are stretched
    apart where the shapes differ), then each channel becomes (value - mean) / std in float32.
    """

    height: Side
    width: Side
    mean: ChannelTriple
    std: ChannelTriple
    dtype: Literal["float32"] = "float32"
    layout: Literal["NCHW"] = "NCHW"
    colour_order: Literal["RGB"] = "RGB"
    resize: Literal["stretch-bilinear"] = "stretch-bilinear"

    def __post_init__(self) -> None:
        """Refuse numbers that no picture can be normalised with."""
        if any(abs(level) > _LARGEST_LEVEL for level in (*self.mean, *self.std)):
            raise ValueError(f"mean and std must not go beyond {_LARGEST_LEVEL:,.0f}")
        if any(abs(deviation) < _LEAST_DEVIATION for deviation in self.std):
            raise ValueError("std must not be 0")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[1, 3, h, w]."""
        return 1, 3, self.height, self.width


class OutputInfo(Document, frozen=True, kw_only=True):
    """A tensor that comes out; how results are made of it is for the task to say."""

    # As in "logits".
    meaning: ShortText
    shape: Annotated[tuple[Positive, ...], msgspec.Meta(min_length=1, max_length=8)]
    # Pixels of the input from one place of the tensor to the next.
    stride: Positive
    dtype: Literal["float32"] = "float32"


class AnchorLevel(Document, frozen=True, kw_only=True):
    """The anchors of one level of a detector."""

    # Pixels of the input from one place to the next.
    stride: Side
    # (left, top, right, bottom) in pixels around the place at the upper left, in the order of the
    # outputs' channels; those of another place are moved by its column and row times the stride.
    anchors: Annotated[tuple[AnchorBox, ...], msgspec.Meta(min_length=1, max_length=64)]


class DetectionInfo(Document, frozen=True, kw_only=True):
    """How boxes are made of a detector's outputs: for each level class logits, and offsets.

    With a and b the centre and size of an anchor in x (or y), the offsets d and e of a box say that
    its centre lies at a + b d and that its size is b exp(min(e, `largest_log_scale`)). Channels are
    anchor by anchor: logits by class, offsets in the order x, y, width, height. Scores are the
    sigmoid of logits.
    """

    levels: Annotated[tuple[AnchorLevel, ...], msgspec.Meta(min_length=1, max_length=16)]
    # Boxes must score more than this, and of each level so many of the best go on ...
    score_threshold: Share = 0.05
    candidates_per_level: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000
    # ... of one class those go that cover a better one by more than this IoU, and so many stay.
    nms_iou: Share = 0.5
    most_boxes: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    largest_log_scale: Annotated[float, msgspec.Meta(ge=0.0, le=16.0)] = LARGEST_LOG_SCALE
    # Where two computations are compared, boxes of one class are the same from this IoU on.
    same_iou: Share = SAME_IOU


class Classes(Document, frozen=True, kw_only=True):
    """Names and colours of the classes, by id."""

    dataset: ShortText
    names: tuple[ShortText, ...]
    palette: tuple[tuple[Channel, Channel, Channel], ...]

    def __post_init__(self) -> None:
        """Refuse a palette that does not fit the names."""
        if len(self.names) != len(self.palette):
            raise ValueError(f"{len(self.names)} class names but {len(self.palette)} colours")


class Gates(Document, frozen=True, kw_only=True):
    """What a file must reach to pass."""

    sqnr_db: Number
    # Share of the result, as in that of labels which are equal; the task says what it counts.
    result_agreement: Share


class Agreement(Document, frozen=True, kw_only=True):
    """How closely one result follows the float64 reference, over one input or the worst of many."""

    max_abs_error: Error
    # Signal-to-quantisation-noise ratio; 300 where nothing differs.
    sqnr_db: Number
    result_agreement: Share
    # The same with differences forgiven where the reference all but ties.
    result_agreement_untied: Share


class InputAgreement(Document, frozen=True, kw_only=True):
    """The agreement of one step on one input, and what it is held to there.

    An input is ill-conditioned for a network when torch's own float32 strays so far from float64
    that no float32 file can be held to the full gates; a step is then held to torch's float32. One
    that is unlike the pictures a precision was calibrated with is called so too; there a file is
    held to the precision's simulation in torch. A step that reaches the full gates all the same is
    held to them, and does not call its input so; `float32`, the yardstick, always does.
    """

    input: ShortText
    agreement: Agreement
    required: Gates
    ill_conditioned: bool

    @property
    def passed(self) -> bool:
        """Whether this input reaches what it is held to."""
        return (
            self.agreement.sqnr_db >= self.required.sqnr_db
            and self.agreement.result_agreement >= self.required.result_agreement
        )


class StepParity(Document, frozen=True, kw_only=True):
    """How closely one step from the checkpoint to the shipped file follows the float64 reference.

    The steps are `float32` (torch's own), `fused`, one named after the precision where that changes
    the network, and `file`.
    """

    step: ShortText
    # The worst of each figure over the inputs that are held to the full gates.
    worst: Agreement
    inputs: Annotated[tuple[InputAgreement, ...], msgspec.Meta(min_length=1)]

    @property
    def passed(self) -> bool:
        """Whether every input passes and at least one is held to the full gates."""
        return all(entry.passed for entry in self.inputs) and not all(
            entry.ill_conditioned for entry in self.inputs
        )


class Judgement(Document, frozen=True, kw_only=True):
    """How much a file's score on a data set is below that of torch's float32, at the file's size.

    Which score it is depends on the task.
    """

    # What people call it.
    metric: ClassVar[str]

    dataset: ShortText
    split: ShortText
    pictures: Count
    # In points of the score, of which there are 100.
    max_drop: Number

    @property
    def scores(self) -> tuple[float, float]:
        """Float32's, and the file's: from 0 to 1."""
        raise NotImplementedError

    @property
    def drop(self) -> float:
        """Points that the file lies below float32; negative where it lies above."""
        float32, found = self.scores
        return 100 * (float32 - found)

    @property
    def passed(self) -> bool:
        """Whether no more is lost than is allowed."""
        return self.drop <= self.max_drop


class ScoreParity(Judgement, frozen=True, kw_only=True):
    """The mIoU of segmentation."""

    metric: ClassVar[str] = "mIoU"

    float32_miou: Share
    miou: Share

    @property
    def scores(self) -> tuple[float, float]:
        """Float32's, and the file's: from 0 to 1."""
        return self.float32_miou, self.miou


class PrecisionParity(Judgement, frozen=True, kw_only=True):
    """The average precision of detection, as COCO defines it: over IoU of 0.5 to 0.95."""

    metric: ClassVar[str] = "AP"

    float32_ap: Share
    ap: Share

    @property
    def scores(self) -> tuple[float, float]:
        """Float32's, and the file's: from 0 to 1."""
        return self.float32_ap, self.ap


class Parity(Document, frozen=True, kw_only=True):
    """The proof that a file computes what its source does."""

    passed: bool
    # What the file is held to where nothing else is said.
    gates: Gates
    # In the order of the steps: the file is the last.
    steps: Annotated[tuple[StepParity, ...], msgspec.Meta(min_length=1)]
    # Set on failure: the first module, in the order of execution, whose output strays.
    first_divergence: ShortText = ""
    # Null where no data were given, or where these have another score.
    score: ScoreParity | None = None
    average_precision: PrecisionParity | None = None
    # What weakens the proof.
    notes: tuple[ShortText, ...] = ()

    @property
    def judgement(self) -> Judgement | None:
        """The score on data, whichever it is."""
        return self.score or self.average_precision


class OperatorGroup(Document, frozen=True, kw_only=True):
    """Operators of one kind on one side of the delegate's border."""

    operator: ShortText
    count: Count
    macs: Count
    reason: ShortText = ""


class Delegation(Document, frozen=True, kw_only=True):
    """What the fast backend runs, and what is left to the portable kernels."""

    backend: ShortText
    delegates: Count
    inside: tuple[OperatorGroup, ...]
    outside: tuple[OperatorGroup, ...]
    # Of the runtime's own plan; null where the runtime plans when it loads the file.
    planned_memory_bytes: Count | None
    notes: tuple[ShortText, ...] = ()

    @property
    def macs_inside_share(self) -> float:
        """Share of the multiply-adds that the backend runs."""
        inside = sum(group.macs for group in self.inside)
        total = inside + sum(group.macs for group in self.outside)
        return inside / total if total else 1.0


class GoldenCase(Document, frozen=True, kw_only=True):
    """One input and what the float64 reference says of it, at sampled positions.

    Position `i` of a sample from an array of `n` elements in C order is `(i * 2654435761) % n`.
    """

    input: ShortText
    # Of the float32 input tensor's bytes, little-endian, C order.
    input_sha256: Sha256
    # What the exported file is held to on this input.
    required: Gates
    ill_conditioned: bool
    # Base64 of little-endian arrays, named and typed by the task.
    samples: dict[str, Annotated[bytes, msgspec.Meta(max_length=2**16)]]


class Manifest(Document, frozen=True, kw_only=True):
    """All that is needed to use, check and credit one model file."""

    schema: SchemaName = "topformer.manifest/1.2"
    model: ModelInfo
    weights: WeightsInfo
    input: InputInfo
    # In the order in which the file gives them.
    outputs: Annotated[tuple[OutputInfo, ...], msgspec.Meta(min_length=1, max_length=64)]
    classes: Classes
    # Of detectors, else null.
    detection: DetectionInfo | None = None
    # Checkpoints carry no file proof; exported files always do.
    file: FileInfo | None = None
    parity: Parity | None = None
    delegation: Delegation | None = None
    golden: Annotated[tuple[GoldenCase, ...], msgspec.Meta(max_length=64)] = ()

    def __post_init__(self) -> None:
        """Refuse a description that contradicts itself."""
        if len(self.classes.names) != self.model.num_classes:
            raise ValueError("classes and model.num_classes disagree")


def manifest_path(model_file: Path) -> Path:
    """Where the manifest of an exported file lies: beside it, with the last suffix `.json`."""
    return model_file.with_suffix(".json")


def read_manifest(path: Path) -> Manifest:
    """Read and validate a manifest; raises `TopformerError` when it is missing or does not fit."""
    return read_document(
        path,
        Manifest,
        limit_bytes=MANIFEST_LIMIT_BYTES,
        called="manifest",
        next_step="Export the model again with this version of topformer.",
    )


def read_manifest_of(model_file: Path) -> Manifest:
    """Read the manifest beside an exported file and check that it describes that very file.

    Both are put in their place first where an export was killed as it did so. Raises
    `TopformerError` when one of them is missing or they do not belong together.
    """
    finish_set(model_file)
    path = manifest_path(model_file)
    if not model_file.exists():
        raise UsageError(
            f"There is no file {model_file}.", next_step="`topformer export` makes model files."
        )
    if not path.exists():
        raise TopformerError(
            f"{model_file} has no manifest.",
            why=f"Sizes, normalisation and class names are read from {path.name} beside it.",
            next_step="Copy the .json along with the model, or export the model again.",
        )
    for _ in range(_EXCHANGES):
        manifest = read_manifest(path)
        with suppress(TopformerError):
            check_file(model_file, manifest)
            return manifest
        finish_set(model_file)  # a new pair may have come between the reading of one and the other
    manifest = read_manifest(path)
    check_file(model_file, manifest)
    return manifest


def check_file(model_file: Path, manifest: Manifest) -> None:
    """Refuse a file whose hash is not the one its manifest names."""
    if manifest.file is None:
        raise TopformerError(f"The manifest of {model_file} describes no exported file.")
    found = sha256_file(model_file)
    if found != manifest.file.sha256:
        raise TopformerError(
            f"{model_file} is not the file its manifest describes.",
            why=f"Its sha256 is {found}, the manifest says {manifest.file.sha256}.",
            next_step="Export the model again, or restore both files from where they came.",
        )
