"""What `topformer eval` does: score models on a data set, and draw where they fail."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

from topformer.classes import read_classes
from topformer.console.output import print_document, print_lines, warn_of_letters
from topformer.console.progress import progress_display
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.data import BOX_DATASET_KEYS, check_key, open_dataset
from topformer.data.layouts import FoundPairs
from topformer.evaluation.confusion_picture import draw_confusion
from topformer.evaluation.scored_model import open_scored_model
from topformer.evaluation.scoring import show_pair
from topformer.evaluation.sheet import draw_sheet
from topformer.files import atomic_write
from topformer.preprocess import parse_image_size
from topformer.tasks import DETECTION, task_named
from topformer.verbs.eval import comparison, report
from topformer.verbs.eval.boxes.run import run as run_boxes
from topformer.verbs.eval.document import EvalDocument, EvalsDocument
from topformer.verbs.eval.results import open_all, result_folders, scale_at, tell_models
from topformer.verbs.eval.score import score


class Options(TypedDict):
    """What is asked for, whatever the task."""

    data: Path
    models: Sequence[str]
    split: str
    image_size: str | None
    short_side: int | None
    out: Path
    classes: str | None
    as_json: bool


def run(*, task: str | None, dataset: str, **options: Unpack[Options]) -> None:
    """Score models on a split of a data set, whose task may be named beside it.

    Raises `UsageError` where both are of different tasks.
    """
    if task is not None:
        check_key(dataset, boxes=task_named(task) == DETECTION)
    if dataset in BOX_DATASET_KEYS:
        run_boxes(dataset=dataset, **options)
    else:
        run_labels(dataset=dataset, **options)


def run_labels(
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
    """Score models on a split, and write two pictures of each: the confusion and the worst."""
    size = parse_image_size(image_size) if image_size is not None else None
    named = None if classes is None else read_classes(classes)
    opened = open_dataset(dataset, data)
    opened = replace(opened, scale=scale_at(short_side, opened.scale))
    found = opened.split(split)
    folders = result_folders(out, models)
    scored: list[tuple[report.Evaluation, EvalDocument]] = []
    with progress_display() as show_progress:
        opened_models = open_all(
            folders,
            lambda model: open_scored_model(
                model, opened, image_size=size, whole=short_side is not None, classes=named
            ),
            short_side=short_side,
            show_progress=show_progress,
        )
        for model, scored_model in opened_models.items():
            what = split if len(folders) == 1 else f"{model} on {split}"
            done = score(
                model,
                scored_model,
                found,
                dataset=opened,
                split=split,
                show_progress=show_progress,
                what=what,
            )
            show_progress("drawing")
            scored.append((done, report.document(done, _draw(done, found, folders[model]))))
    _tell([done for done, _ in scored])
    documents = [document for _, document in scored]
    if len(documents) == 1:
        _show_one(documents[0], as_json=as_json)
    else:
        _show_several(documents, as_json=as_json)


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


def _tell(scored: Sequence[report.Evaluation]) -> None:
    """Say what is to be known of the models and their pictures; each thing once."""
    first = scored[0]
    names = [one.pair.picture.name for done in scored for one in done.worst]
    warn_of_letters((*first.dataset.classes.names, *names))
    tell_models({done.model: done.scored_model for done in scored}, first.dataset.classes)


def _show_one(document: EvalDocument, *, as_json: bool) -> None:
    stderr().print(report.heading(document), soft_wrap=True)
    print_table(report.table(document))
    if as_json:
        print_document(document)
    else:
        print_lines(report.summary(document), shown=True)
        print_lines(document.files)


def _show_several(documents: Sequence[EvalDocument], *, as_json: bool) -> None:
    first = documents[0]
    stderr().print(comparison.heading(first), soft_wrap=True)
    print_table(comparison.table(documents))
    if as_json:
        print_document(
            EvalsDocument(
                dataset=first.dataset,
                split=first.split,
                pictures=first.pictures,
                models=tuple(documents),
            )
        )
    else:
        print_lines(map(comparison.line, documents), shown=True)
        print_lines(file for document in documents for file in document.files)
