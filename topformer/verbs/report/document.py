"""What `report --json` prints, and `report.json` holds: all that the page shows."""

from typing import Literal

from topformer.benchmarks.documents.rows import (
    InstructionCount,
    Interval,
    Milliseconds,
    VerdictWord,
)
from topformer.documents import (
    Count,
    Document,
    Positive,
    SchemaName,
    Sha256,
    Share,
    ShortText,
    Side,
)
from topformer.manifest import Delegation, Parity, WeightsInfo

Need = Literal["accuracy", "speed", "size"]


class MeasuredCost(Document, frozen=True, kw_only=True, tag_field="kind", tag="latency"):
    """Medians of the time from a picture in memory to its result, on a real machine."""

    total_ms: Milliseconds
    # Of the median, 95 %.
    interval_ms: Interval
    network_ms: Milliseconds
    verdict: VerdictWord
    # Empty when trusted.
    reasons: tuple[ShortText, ...]


class CountedCost(Document, frozen=True, kw_only=True, tag_field="kind", tag="instructions"):
    """ARM instructions of one inference on an emulated device: a cost model, and no latency."""

    total: InstructionCount
    network: InstructionCount
    cpu: ShortText


class FileScore(Document, frozen=True, kw_only=True):
    """How well a file does on the data, from 0 to 1; null where nothing was there to be scored."""

    miou: Share | None = None
    mean_accuracy: Share | None = None
    pixel_accuracy: Share | None = None
    # Of detectors, which have none of the above; else null.
    ap: Share | None = None
    # The whole of it, as `topformer eval --json` prints it.
    document: str

    @property
    def accuracy(self) -> float | None:
        """The one figure that files are ranked by; `measure` names it."""
        return self.miou if self.ap is None else self.ap

    @property
    def measure(self) -> str:
        """What `accuracy` is."""
        return "mIoU" if self.ap is None else "AP"


class Judgement(Document, frozen=True, kw_only=True):
    """Whether to ship a file. See `ReportDocument.rule`."""

    # "ship": proved, and beaten by no other file. "beaten": proved, and another is as good in all
    # figures and better in one. "failed": its proof failed. "random": there is nothing to ship.
    word: Literal["ship", "beaten", "failed", "random"]
    reason: str
    # Name of a file.
    beaten_by: ShortText | None = None
    # In what it is the best of those that can be shipped.
    best_in: tuple[Need, ...] = ()


class ReportedFile(Document, frozen=True, kw_only=True):
    """One file, and all that is known of it."""

    # Unique in its document, as in "tiny 448x448 fp32 xnnpack".
    name: ShortText
    # Below the report's folder, unless the file was given.
    path: str
    manifest: str
    origin: Literal["exported", "given"]
    variant: ShortText
    # Height and width of its input.
    image_size: tuple[Side, Side]
    precision: ShortText
    target: ShortText
    runtime: ShortText
    size_bytes: Count
    sha256: Sha256
    weights: WeightsInfo
    random_weights: bool
    # Of its export; of a given file, repeated here from the samples in its manifest.
    proof: Parity
    delegation: Delegation | None
    # Null without data, and where the proof failed.
    score: FileScore | None
    # Null where the device does not run such files, and where the proof failed.
    cost: MeasuredCost | CountedCost | None
    judgement: Judgement


class NotMade(Document, frozen=True, kw_only=True):
    """A file that was asked for and could not be made."""

    name: ShortText
    what: str
    why: str
    next_step: str
    # False where the toolchain does not offer such a file at all.
    failed: bool


class Answer(Document, frozen=True, kw_only=True):
    """The file to ship for one need."""

    need: Need
    # Name of a file.
    file: ShortText
    reason: str


class ScoredOn(Document, frozen=True, kw_only=True):
    """The data that files were scored on."""

    dataset: ShortText
    split: ShortText
    pictures: Count
    # Of all pictures and label files.
    sha256: Sha256


class MeasuredOn(Document, frozen=True, kw_only=True):
    """Where and how files were measured, in one run."""

    place: ShortText
    # Then there are instruction counts and no times.
    emulated: bool
    started_at: ShortText
    mode: ShortText
    threads: Positive
    # The whole of it, as `topformer bench --json` prints it.
    document: str


class PictureOfFile(Document, frozen=True, kw_only=True):
    """What one file found in a picture."""

    # Name of a file.
    file: ShortText
    # Below the report's folder: a PNG of class ids, or a JSON document of boxes.
    result: str
    # Share that is as the reference has it: of the pixels, or of the boxes of both.
    equal: Share
    # Share of what the data holds that was found: of the pixels with a class, or of the boxes. Null
    # without data.
    right: Share | None


class ComparedPicture(Document, frozen=True, kw_only=True):
    """One picture, and what every file found in it."""

    name: ShortText
    # Name of the file that the others are compared with.
    reference: ShortText
    files: tuple[PictureOfFile, ...]


class ReportDocument(Document, frozen=True, kw_only=True):
    """Which file to ship, and why."""

    schema: SchemaName = "topformer.report/1"
    made_at: ShortText
    # Repeats it.
    command: str
    # What decides, in sentences.
    rule: tuple[str, ...]
    # None where the weights are random, or no file passed its proof.
    answers: tuple[Answer, ...]
    files: tuple[ReportedFile, ...]
    not_made: tuple[NotMade, ...]
    scored_on: ScoredOn | None
    measured_on: MeasuredOn | None
    pictures: tuple[ComparedPicture, ...]

    @property
    def measure(self) -> str:
        """What accuracies are: all files are scored on one data set, so they have one task."""
        return next((file.score.measure for file in self.files if file.score is not None), "mIoU")

    @property
    def succeeded(self) -> bool:
        """Whether every file could be made and passed its proof."""
        return all(file.proof.passed for file in self.files) and not any(
            one.failed for one in self.not_made
        )
