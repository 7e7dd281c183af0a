"""What `topformer eval` does: score a model on a data set, and draw where it fails."""

from dataclasses import replace
from pathlib import Path

from topformer.classes import read_classes
from topformer.console.output import print_document, print_lines, warn, warn_of_letters
from topformer.console.progress import progress_display
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.console.weights import announce_random, tell_notes, weights_as
from topformer.data import open_dataset
from topformer.data.layouts import FoundPairs
from topformer.errors import UsageError
from topformer.evaluation.confusion_picture import draw_confusion
from topformer.evaluation.scored_model import open_scored_model
from topformer.evaluation.scoring import score_split, show_pair
from topformer.evaluation.sheet import draw_sheet
from topformer.files import atomic_write, ensure_writable_folder
from topformer.preprocess import parse_image_size
from topformer.verbs.eval import report


def run(
    *,
    dataset: str,
    data: Path,
    model: str,
    split: str,
    image_size: str | None,
    short_side: int | None,
    out: Path,
    classes: str | None,
    as_json: bool,
) -> None:
    """Score a model on a split, and write two pictures: the confusion and the worst."""
    size = parse_image_size(image_size) if image_size is not None else None
    named = None if classes is None else read_classes(classes)
    opened = open_dataset(dataset, data)
    if short_side is not None:
        opened = replace(opened, scale=replace(opened.scale, short_px=short_side))
    found = opened.split(split)
    with progress_display() as show_progress:
        show_progress(f"opening {model}")
        with weights_as("--model "):
            scored_model = open_scored_model(model, opened, image_size=size, classes=named)
        if short_side is not None and scored_model.protocol.name != "whole":
            raise UsageError(
                "--short-side is for whole pictures, and this model is scored at a fixed size.",
                next_step="Leave --short-side out.",
            )
        # Now, not after an hour of scoring, is the time to learn that nothing can be written.
        ensure_writable_folder(out)
        with show_progress.counting(f"scoring {split}", len(found.pairs)) as tell:
            scored = score_split(
                scored_model.segment,
                found,
                opened.classes,
                progress=lambda done, _total: tell(done),
            )
        done = report.Evaluation(
            model=model, scored_model=scored_model, dataset=opened, split=split, scored=scored
        )
        show_progress("drawing")
        files = _draw(done, found, out)
    tell_notes(scored_model.opened.notes)
    warn_of_letters((*opened.classes.names, *(one.pair.picture.name for one in done.worst)))
    announce_random(scored_model.opened.manifest.weights)
    warning = report.names_warning(done)
    if warning:
        warn(warning)
    document = report.document(done, files)
    stderr().print(report.heading(document), soft_wrap=True)
    print_table(report.table(document))
    if as_json:
        print_document(document)
    else:
        print_lines(report.summary(document), shown=True)
        print_lines(document.files)


def _draw(done: report.Evaluation, found: FoundPairs, out: Path) -> list[Path]:
    """Write both pictures; the worst are segmented once more, which keeps no others in memory."""
    classes, scored, written = done.dataset.classes, done.scored, report.caption(done)
    files = [out / "confusion.png"]
    atomic_write(files[0], draw_confusion(scored.counts, scored.scores, classes.names, written))
    shown = [show_pair(one.pair, found, classes, done.scored_model.segment) for one in done.worst]
    if shown:
        files.append(out / "worst.png")
        atomic_write(files[1], draw_sheet(shown, classes, written))
    return files
