"""What `predict --json` prints: one document for classes, another for boxes."""

from topformer.documents import Count, Document, Number, SchemaName, Share
from topformer.manifest import WeightsInfo


class ClassDocument(Document, frozen=True, kw_only=True):
    """A class that was found; `share` is of the picture's pixels."""

    id: int
    name: str
    share: Share


class PictureDocument(Document, frozen=True, kw_only=True):
    """One picture that was segmented, and the files made from it.

    Labels have the picture's own size. So has the overlay, up to 16.8 million pixels; above that it
    has 1/2, 1/4 or 1/8.
    """

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
    """What `predict --json` prints of a model that segments."""

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


class ResultDocument(Document, frozen=True, kw_only=True):
    """A box as COCO's results have it: cocodataset.org, "Results format"."""

    image_id: int
    # COCO's own where the classes are COCO's, else the class id and 1.
    category_id: int
    # Left, top, width and height in pixels of the picture.
    bbox: tuple[Number, Number, Number, Number]
    score: Share


class FoundBoxDocument(Document, frozen=True, kw_only=True):
    """A box that was found."""

    # The class's.
    id: Count
    name: str
    category_id: int
    score: Share
    # Left, top, width and height in pixels of the picture.
    bbox: tuple[Number, Number, Number, Number]


class BoxedPictureDocument(Document, frozen=True, kw_only=True):
    """One picture in which boxes were found, and the files made from it."""

    path: str
    width: int
    height: int
    # As the results call it: the number that its name is, where the names of all are numbers, else
    # its place in the run, from 1.
    image_id: int
    overlay: str
    # COCO results.
    results: str
    # The likeliest first.
    boxes: tuple[FoundBoxDocument, ...]


class BoxPredictDocument(Document, frozen=True, kw_only=True):
    """What `predict --json` prints of a detector."""

    schema: SchemaName = "topformer.box-predict/1"
    model: str
    runtime: str
    variant: str
    detection_head: str
    weights: WeightsInfo
    random_weights: bool
    # Height and width of the network's input, to which pictures are resized.
    image_size: tuple[int, int]
    # Boxes score more than this.
    score_threshold: Share
    pictures: tuple[BoxedPictureDocument, ...]
    failures: tuple[FailureDocument, ...]
