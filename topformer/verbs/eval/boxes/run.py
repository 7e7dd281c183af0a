"""What `topformer eval` does with detectors: score them on boxes, and draw where they fail."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from topformer.classes import read_classes
from topformer.console.output import print_document, print_lines, warn_of_letters
from topformer.console.progress import progress_display
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.data import open_box_dataset
from topformer.data.coco import open_boxed
from topformer.evaluation.boxes import score_boxes
from topformer.evaluation.boxes.curves import draw_curves
from topformer.evaluation.boxes.scored_detector import open_scored_detector
from topformer.evaluation.boxes.sheet import ShownBoxes, draw_box_sheet
from topformer.files import atomic_write
from topformer.preprocess import parse_image_size
from topformer.verbs.eval.boxes import report
from topformer.verbs.eval.boxes.document import BoxEvalDocument, BoxEvalsDocument
from topformer.verbs.eval.results import open_all, result_folders, scale_at, tell_models


def run(
    *,
    dataset: str,
    data: Path,
    models: Sequence[str],
    split: str,
    image_size: str | None,
    short_side: int | None,
    out: Path,
    classes: str | None,
    as_json: bool,
) -> None:
    """Score detectors on a split, and write two pictures of each: the curves and the worst."""
    size = parse_image_size(image_size) if image_size is not None else None
    named = None if classes is None else read_classes(classes)
    opened = open_box_dataset(dataset, data)
    opened = replace(opened, scale=scale_at(short_side, opened.scale))
    truth = opened.split(split)
    folders = result_folders(out, models)
    done: list[tuple[report.BoxEvaluation, BoxEvalDocument]] = []
    with progress_display() as show_progress:
        detectors = open_all(
            folders,
            lambda model: open_scored_detector(
                model,
                opened,
                truth.classes,
                image_size=size,
                whole=short_side is not None,
                classes=named,
            ),
            short_side=short_side,
            show_progress=show_progress,
        )
        for model, detector in detectors.items():
            what = truth.name if len(folders) == 1 else f"{model} on {truth.name}"
            with show_progress.counting(f"scoring {what}", len(truth)) as tell:
                scored = score_boxes(
                    detector.find, truth, progress=lambda count, _total, tell=tell: tell(count)
                )
            show_progress("drawing")
            one = report.BoxEvaluation(
                model=model, scored_detector=detector, dataset=opened, split=truth, scored=scored
            )
            done.append((one, report.document(one, _draw(one, folders[model]))))
    _tell([one for one, _ in done])
    _show([document for _, document in done], as_json=as_json)


def _draw(done: report.BoxEvaluation, out: Path) -> list[Path]:
    """Write both pictures."""
    classes, written = done.split.classes, report.caption(done)
    files = [out / "precision-recall.png"]
    atomic_write(files[0], draw_curves(done.scored.scores, classes.names, written))
    shown = [
        ShownBoxes(picture=one.picture, pixels=open_boxed(one.picture), found=one)
        for one in done.worst
    ]
    if shown:
        files.append(out / "worst.png")
        atomic_write(files[1], draw_box_sheet(shown, classes, written))
    return files


def _tell(done: Sequence[report.BoxEvaluation]) -> None:
    """Say what is to be known of the models and their pictures; each thing once."""
    truth = done[0].split.classes
    warn_of_letters((*truth.names, *(o.picture.path.name for one in done for o in one.worst)))
    tell_models({one.model: one.scored_detector for one in done}, truth)


def _show(documents: Sequence[BoxEvalDocument], *, as_json: bool) -> None:
    first = documents[0]
    stderr().print(report.heading(first), soft_wrap=True)
    if len(documents) == 1:
        print_table(report.table(first))
        print_table(report.size_table(first))
        lines, whole = report.summary(first), first
    else:
        print_table(report.comparison_table(documents))
        lines = list(map(report.line, documents))
        whole = BoxEvalsDocument(
            dataset=first.dataset,
            split=first.split,
            pictures=first.pictures,
            models=tuple(documents),
        )
    if as_json:
        print_document(whole)
    else:
        print_lines(lines, shown=True)
        print_lines(file for document in documents for file in document.files)
