"""What `topformer predict` does: pictures to overlays, label maps and a table of classes found."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from topformer.classes import read_classes
from topformer.console.output import print_result, warn_of_letters
from topformer.console.progress import progress_display
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.console.weights import (
    announce_random,
    announce_unnamed,
    tell_notes,
    weights_as,
)
from topformer.documents import Document, SchemaName, Share
from topformer.drawing import found_classes, label_image, percent, save_pngs
from topformer.errors import TopformerError, UsageError
from topformer.files import ensure_writable_folder, fitting_name
from topformer.images import find_pictures, read_reduced
from topformer.manifest import Manifest, WeightsInfo
from topformer.preprocess import parse_image_size
from topformer.runtimes import OpenedModel, open_model
from topformer.text import printable

MOST_TABLE_ROWS = 12
# The largest of a picture stand in its line.
LINE_CLASSES = 3


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


def run(
    *,
    pictures: Sequence[Path],
    model: str,
    out: Path,
    image_size: str | None,
    classes: str | None,
    as_json: bool,
) -> bool:
    """Segment pictures, and show what was found where; false when one of them failed.

    Raises `UsageError` when there are none, or when two would be written to one file.
    """
    paths = find_pictures(pictures)
    if not paths:
        raise UsageError(f"There are no pictures in {', '.join(map(str, pictures))}.")
    _check_names(paths)
    size = parse_image_size(image_size) if image_size is not None else None
    named = None if classes is None else read_classes(classes)
    done: list[PictureDocument] = []
    failures: list[FailureDocument] = []
    ensure_writable_folder(out)
    with progress_display() as show_progress, weights_as("--model "):
        show_progress(f"opening {model}")
        opened = open_model(model, image_size=size, classes=named)
        show_progress(f"segmenting {paths[0].name}" if len(paths) == 1 else "segmenting")
        with show_progress.counting("segmenting", len(paths), told=True) as tell:
            for number, path in enumerate(paths, start=1):
                result = _segment(path, opened, out)
                if isinstance(result, PictureDocument):
                    done.append(result)
                    _tell(path, result, opened.manifest, with_classes=len(paths) > 1)
                else:
                    failures.append(result)
                    _tell_failure(result)
                tell(number)
    weights = opened.manifest.weights
    tell_notes(opened.notes)
    if done:
        print_table(_table(done, opened.manifest))
    if len(done) > 1:
        stderr().print(f"overlays and label pictures are in {out}", soft_wrap=True)
    warn_of_letters(entry.name for one in done for entry in one.classes)
    announce_random(weights)
    announce_unnamed(opened.manifest.classes, weights)
    document = PredictDocument(
        model=model,
        runtime=opened.runtime,
        variant=opened.manifest.model.variant,
        weights=weights,
        random_weights=weights.is_random,
        image_size=(opened.manifest.input.height, opened.manifest.input.width),
        pictures=tuple(done),
        failures=tuple(failures),
    )
    results = (path for one in done for path in (one.overlay, one.labels))
    # Those of many pictures would push the table off the screen.
    print_result(document, results, as_json=as_json, shown=len(done) > 1)
    return not failures


def _check_names(paths: list[Path]) -> None:
    """Refuse pictures whose results would overwrite each other, before any is made."""
    by_name: dict[str, Path] = {}
    for path in paths:
        # Names that differ in case only are one name on some systems.
        other = by_name.setdefault(_result_names(path)[0].casefold(), path)
        if other is not path:
            raise UsageError(
                f"{other} and {path} would be written to the same files.",
                why=f"Results are named after the picture: {_result_names(path)[0]}.",
                next_step="Run them one after the other, with different --out folders.",
            )


def _result_names(picture: Path) -> tuple[str, str]:
    """Names of the overlay and of the label picture."""
    overlay = fitting_name(picture.stem, ".overlay.png")
    return overlay, f"{overlay.removesuffix('.overlay.png')}.labels.png"


def _segment(path: Path, opened: OpenedModel, out: Path) -> PictureDocument | FailureDocument:
    """Make both files of one picture; what goes wrong with it is returned."""
    try:
        return _make_results(path, opened, out)
    except TopformerError as error:
        return FailureDocument(
            path=str(path), what=error.what, why=error.why, next_step=error.next_step
        )


def _make_results(path: Path, opened: OpenedModel, out: Path) -> PictureDocument:
    picture = read_reduced(path)
    manifest, task = opened.manifest, opened.task
    outputs = opened.outputs(picture.pixels)
    labels = task.postprocess(outputs, picture.size)
    shown_size = picture.pixels.shape[0], picture.pixels.shape[1]
    shown = labels if shown_size == picture.size else task.postprocess(outputs, shown_size)
    overlay_path, labels_path = (out / name for name in _result_names(path))
    random = manifest.weights.is_random
    description = f"TopFormer {manifest.model.variant}, weights: {manifest.weights.name}"
    description += ", RANDOM: the classes mean nothing" if random else ""
    note = "random weights: the classes mean nothing" if random else ""
    overlay = task.draw(picture.pixels, shown, note=note)
    images = {overlay_path: overlay, labels_path: label_image(labels, manifest.classes)}
    save_pngs(images, description=description)
    found = found_classes(labels, manifest.classes)
    return PictureDocument(
        path=str(path),
        width=picture.size[1],
        height=picture.size[0],
        overlay=str(overlay_path),
        labels=str(labels_path),
        classes=tuple(ClassDocument(id=one.id, name=one.name, share=one.share) for one in found),
    )


def _tell(path: Path, result: PictureDocument, manifest: Manifest, *, with_classes: bool) -> None:
    """Say in one line that a picture is done, and what was found in it."""
    shown = result.classes[:LINE_CLASSES]
    found = ", ".join(f"{printable(one.name)} {percent(one.share)}" for one in shown)
    more = len(result.classes) - len(shown)
    found += f" and {more} more" if more else ""
    found = f": {found}" if with_classes else ""
    remark = " (random weights)" if manifest.weights.is_random else ""
    name = printable(path.name)
    stderr().print(Text.assemble((name, "bold"), (remark, "yellow"), found), soft_wrap=True)


def _tell_failure(failure: FailureDocument) -> None:
    said = (failure.what, failure.why, failure.next_step)
    text = " ".join(part for part in said if part)
    stderr().print(Text("failed:", style="bold red"), text, soft_wrap=True)


def _table(done: list[PictureDocument], manifest: Manifest) -> Table:
    """Show the classes found, largest first: their share of all pixels, in how many pictures."""
    pixels, pictures = Counter[int](), Counter[int]()
    for one in done:
        for entry in one.classes:
            pixels[entry.id] += round(entry.share * one.width * one.height)
            pictures[entry.id] += 1
    total = pixels.total()
    several = len(done) > 1
    mark = "■ " if stderr().encoding.startswith("utf") else ""
    table = Table()
    table.add_column("class")
    table.add_column("share", justify="right")
    if several:
        table.add_column(f"in {len(done):,} pictures", justify="right")
    shown = pixels.most_common(MOST_TABLE_ROWS)
    for number, count in shown:
        red, green, blue = manifest.classes.palette[number]
        name = printable(manifest.classes.names[number])
        cell = Text.assemble((mark, f"rgb({red},{green},{blue})"), name)
        table.add_row(cell, percent(count / total), *([f"{pictures[number]:,}"] * several))
    rest = len(pixels) - len(shown)
    if rest:
        left = total - sum(count for _, count in shown)
        table.add_row(f"{rest} more", percent(left / total), *([""] * several))
    return table
