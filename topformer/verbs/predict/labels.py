"""What `predict` makes with a model that segments: overlays, label pictures, shares of classes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from topformer.console.screen import stderr
from topformer.drawing import found_classes, label_image, percent, save_pngs
from topformer.files import without_query
from topformer.images import read_reduced
from topformer.runtimes import OpenedModel
from topformer.text import printable
from topformer.verbs.predict.document import (
    ClassDocument,
    FailureDocument,
    PictureDocument,
    PredictDocument,
)
from topformer.verbs.predict.results import Results, beside_overlay, overlay_name

MOST_TABLE_ROWS = 12
# The largest of a picture stand in its line.
LINE_CLASSES = 3


class LabelResults(Results[PictureDocument]):
    """Classes of pixels."""

    files_are = "overlays and label pictures"

    def __init__(self, opened: OpenedModel, out: Path, *, threshold: float | None = None) -> None:
        super().__init__(opened, out, threshold=threshold)
        # By class id: pixels, and pictures that have some.
        self._pixels, self._pictures = Counter[int](), Counter[int]()

    def make(self, path: Path, *, number: int) -> PictureDocument:
        """Write the overlay and the label picture."""
        del number
        picture = read_reduced(path)
        manifest, task = self.manifest, self.opened.task
        outputs = self.opened.outputs(picture.pixels)
        labels = task.postprocess(outputs, picture.size)
        shown_size = picture.pixels.shape[0], picture.pixels.shape[1]
        shown = labels if shown_size == picture.size else task.postprocess(outputs, shown_size)
        overlay_path = self.out / overlay_name(path)
        labels_path = self.out / beside_overlay(overlay_path.name, ".labels.png")
        overlay = task.draw(picture.pixels, shown, note=self.note())
        images = {overlay_path: overlay, labels_path: label_image(labels, manifest.classes)}
        save_pngs(images, description=self.description())
        found = found_classes(labels, manifest.classes)
        return PictureDocument(
            path=str(path),
            width=picture.size[1],
            height=picture.size[0],
            overlay=str(overlay_path),
            labels=str(labels_path),
            classes=tuple(
                ClassDocument(id=one.id, name=one.name, share=one.share) for one in found
            ),
        )

    def path_of(self, done: PictureDocument) -> Path:
        """Where the picture is."""
        return Path(done.path)

    def files_of(self, done: PictureDocument) -> Sequence[str]:
        """Overlay and label picture."""
        return done.overlay, done.labels

    def found_in(self, done: PictureDocument) -> str:
        """The largest classes with their shares."""
        shown = done.classes[:LINE_CLASSES]
        found = ", ".join(f"{printable(one.name)} {percent(one.share)}" for one in shown)
        more = len(done.classes) - len(shown)
        return found + (f" and {more} more" if more else "")

    def count(self, done: PictureDocument) -> None:
        """Count the pixels of each class."""
        for entry in done.classes:
            self._pixels[entry.id] += round(entry.share * done.width * done.height)
            self._pictures[entry.id] += 1

    def names(self) -> Sequence[str]:
        """Names of the classes that occur."""
        return [self.manifest.classes.names[number] for number in self._pixels]

    def table(self, pictures: int) -> Table:
        """Show the classes, largest first: their share of all pixels, in how many pictures."""
        classes, pixels, several = self.manifest.classes, self._pixels, pictures > 1
        total = pixels.total()
        mark = "■ " if stderr().encoding.startswith("utf") else ""
        table = Table()
        table.add_column("class")
        table.add_column("share", justify="right")
        if several:
            table.add_column(f"in {pictures:,} pictures", justify="right")
        shown = pixels.most_common(MOST_TABLE_ROWS)
        for number, count in shown:
            red, green, blue = classes.palette[number]
            name = printable(classes.names[number])
            cell = Text.assemble((mark, f"rgb({red},{green},{blue})"), name)
            table.add_row(
                cell, percent(count / total), *([f"{self._pictures[number]:,}"] * several)
            )
        rest = len(pixels) - len(shown)
        if rest:
            left = total - sum(count for _, count in shown)
            table.add_row(f"{rest} more", percent(left / total), *([""] * several))
        return table

    def document(
        self, model: str, done: Sequence[PictureDocument], failures: Sequence[FailureDocument]
    ) -> PredictDocument:
        """Write all that is known of the run."""
        weights = self.manifest.weights
        return PredictDocument(
            model=without_query(model),
            runtime=self.opened.runtime,
            variant=self.manifest.model.variant,
            weights=weights,
            random_weights=weights.is_random,
            image_size=(self.manifest.input.height, self.manifest.input.width),
            pictures=tuple(done),
            failures=tuple(failures),
        )
