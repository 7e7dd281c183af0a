"""What `sensitivity --json` prints."""

from topformer.documents import Count, Document, Number, SchemaName, Share, ShortText, Side
from topformer.manifest import CalibrationInfo, WeightsInfo


class LayerCostDocument(Document, frozen=True, kw_only=True):
    """One layer quantised, the others in float32; against all in float32."""

    # Module path.
    layer: ShortText
    # Means over the pictures.
    sqnr_db: Number
    result_agreement: Share
    # Points of the score, of which there are 100; null without data.
    score_drop: Number | None


class GapDocument(Document, frozen=True, kw_only=True):
    """What XNNPACK computes with all layers quantised, against torch's simulation of it."""

    # Means over the pictures.
    sqnr_db: Number
    result_agreement: Share


class SensitivityDocument(Document, frozen=True, kw_only=True):
    """What each layer of a network costs when it alone is quantised to int8."""

    schema: SchemaName = "topformer.sensitivity/1"
    variant: ShortText
    # As manifests name it: its results are labels, or boxes.
    task: ShortText
    weights: WeightsInfo
    random_weights: bool
    # Height and width.
    image_size: tuple[Side, Side]
    calibration: CalibrationInfo
    # On which every layer was measured; with a data set, of its val split.
    pictures: Count
    dataset: ShortText | None
    # mIoU or AP; null without data.
    metric: ShortText | None
    # In the order of execution.
    layers: tuple[LayerCostDocument, ...]
    # All layers quantised, as in a file whose biases are not corrected yet.
    whole: LayerCostDocument
    # Null where it was not asked for.
    gap: GapDocument | None
    plot: str
