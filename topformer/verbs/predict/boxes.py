"""What `predict` makes with a detector: overlays with boxes, and COCO results."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.table import Table
from rich.text import Text

from topformer.boxes import Boxes
from topformer.classes import COCO_CATEGORY_IDS, dataset_classes
from topformer.console.screen import stderr
from topformer.detection import SHOWN_SCORE
from topformer.drawing import save_pngs
from topformer.files import without_query
from topformer.images import read_reduced
from topformer.manifest import Classes
from topformer.runtimes import OpenedModel
from topformer.text import printable
from topformer.verbs.predict.document import (
    BoxedPictureDocument,
    BoxPredictDocument,
    FailureDocument,
    FoundBoxDocument,
    ResultDocument,
)
from topformer.verbs.predict.results import Results, beside_overlay, overlay_name

MOST_TABLE_ROWS = 12
# The most frequent of a picture stand in its line.
LINE_CLASSES = 3
# Hundredths of a pixel are written, as COCO's annotations have them.
_BOX_DIGITS, _SCORE_DIGITS = 2, 5


class BoxResults(Results[BoxedPictureDocument]):
    """Boxes with classes and scores."""

    files_are = "overlays and COCO results"

    def __init__(self, opened: OpenedModel, out: Path, *, threshold: float | None = None) -> None:
        super().__init__(opened, out, threshold=threshold)
        # By class id: boxes, pictures that have one, and the best score.
        self._boxes, self._pictures = Counter[int](), Counter[int]()
        self._best: dict[int, float] = {}

    @property
    def _shown_score(self) -> float:
        """What boxes must score to be drawn and counted; results have more of them, as AP does."""
        return SHOWN_SCORE if self.threshold is None else self.threshold

    def make(self, path: Path, *, number: int) -> BoxedPictureDocument:
        """Write the overlay and the results."""
        picture = read_reduced(path)
        task, classes = self.opened.task, self.manifest.classes
        boxes: Boxes = task.postprocess(self.opened.outputs(picture.pixels), picture.size)
        height, width = picture.pixels.shape[:2]
        shown = boxes[boxes.scores.round(_SCORE_DIGITS) > self._shown_score]
        shown = shown.scaled(width / picture.size[1], height / picture.size[0])
        overlay_path = self.out / overlay_name(path)
        results_path = self.out / beside_overlay(overlay_path.name, ".boxes.json")
        overlay = task.draw(picture.pixels, shown, note=self.note())
        found = _written(boxes, classes)
        results = [
            ResultDocument(
                image_id=number, category_id=one.category_id, bbox=one.bbox, score=one.score
            )
            for one in found
        ]
        save_pngs(
            {overlay_path: overlay},
            description=self.description(),
            others={results_path: msgspec.json.encode(results) + b"\n"},
        )
        return BoxedPictureDocument(
            path=str(path),
            width=picture.size[1],
            height=picture.size[0],
            image_id=number,
            overlay=str(overlay_path),
            results=str(results_path),
            boxes=tuple(found),
        )

    def path_of(self, done: BoxedPictureDocument) -> Path:
        """Where the picture is."""
        return Path(done.path)

    def files_of(self, done: BoxedPictureDocument) -> Sequence[str]:
        """Overlay and results."""
        return done.overlay, done.results

    def found_in(self, done: BoxedPictureDocument) -> str:
        """The most frequent classes with their numbers."""
        counts = Counter(one.name for one in self._shown(done)).most_common()
        found = ", ".join(f"{printable(name)} {count:,}" for name, count in counts[:LINE_CLASSES])
        more = len(counts) - LINE_CLASSES
        return (found or "nothing") + (f" and {more} more" if more > 0 else "")

    def _shown(self, done: BoxedPictureDocument) -> list[FoundBoxDocument]:
        return [one for one in done.boxes if one.score > self._shown_score]

    def count(self, done: BoxedPictureDocument) -> None:
        """Count the boxes that are drawn."""
        shown = self._shown(done)
        self._boxes.update(box.id for box in shown)
        self._pictures.update({box.id for box in shown})
        for box in shown:
            self._best[box.id] = max(box.score, self._best.get(box.id, 0.0))

    def names(self) -> Sequence[str]:
        """Names of the classes that were found."""
        return [self.manifest.classes.names[number] for number in self._boxes]

    def table(self, pictures: int) -> Table:
        """Show the classes, most frequent first: their boxes, the best score, in how many pictures.

        A model may find nothing.
        """
        classes, boxes, several = self.manifest.classes, self._boxes, pictures > 1
        mark = "■ " if stderr().encoding.startswith("utf") else ""
        table = Table()
        table.add_column("class")
        for title in ("boxes", "best score", *([f"in {pictures:,} pictures"] * several)):
            table.add_column(title, justify="right")
        shown = boxes.most_common(MOST_TABLE_ROWS)
        for number, count in shown:
            red, green, blue = classes.palette[number]
            name = printable(classes.names[number])
            cell = Text.assemble((mark, f"rgb({red},{green},{blue})"), name)
            counted = [f"{self._pictures[number]:,}"] * several
            table.add_row(cell, f"{count:,}", f"{self._best[number]:.2f}", *counted)
        rest = len(boxes) - len(shown)
        if rest:
            left = boxes.total() - sum(count for _, count in shown)
            table.add_row(f"{rest} more", f"{left:,}", "", *([""] * several))
        if not boxes:
            table.add_row("nothing", "0", "", *([""] * several), style="dim")
        return table

    def document(
        self,
        model: str,
        done: Sequence[BoxedPictureDocument],
        failures: Sequence[FailureDocument],
    ) -> BoxPredictDocument:
        """Write all that is known of the run."""
        manifest, info = self.manifest, self.manifest.detection
        assert info is not None
        return BoxPredictDocument(
            model=without_query(model),
            runtime=self.opened.runtime,
            variant=manifest.model.variant,
            detection_head=manifest.model.detection_head,
            weights=manifest.weights,
            random_weights=manifest.weights.is_random,
            image_size=(manifest.input.height, manifest.input.width),
            score_threshold=info.score_threshold,
            pictures=tuple(done),
            failures=tuple(failures),
        )


def category_ids(classes: Classes) -> tuple[int, ...]:
    """What results call the classes: COCO's ids for its own, else the class id and 1."""
    if classes.names == dataset_classes("coco").names:
        return COCO_CATEGORY_IDS
    return tuple(range(1, len(classes.names) + 1))


def _written(boxes: Boxes, classes: Classes) -> list[FoundBoxDocument]:
    categories = category_ids(classes)
    wide = boxes.corners.astype(np.float64)
    extents = np.concatenate([wide[:, :2], wide[:, 2:] - wide[:, :2]], 1).round(_BOX_DIGITS)
    labels: list[int] = boxes.labels.tolist()
    return [
        FoundBoxDocument(
            id=label,
            name=classes.names[label],
            category_id=categories[label],
            score=round(score, _SCORE_DIGITS),
            bbox=(left, top, width, height),
        )
        for label, score, (left, top, width, height) in zip(
            labels, boxes.scores.tolist(), extents.tolist(), strict=True
        )
    ]
