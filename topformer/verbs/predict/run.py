"""What `topformer predict` does: pictures to overlays, results and a table of what was found."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text

from topformer.classes import read_classes
from topformer.console.output import print_document, print_lines, warn_of_letters
from topformer.console.progress import progress_display
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.console.weights import (
    announce_random,
    announce_unnamed,
    tell_notes,
    weights_as,
)
from topformer.errors import TopformerError, UsageError
from topformer.files import ensure_writable_folder
from topformer.images import find_pictures
from topformer.preprocess import parse_image_size
from topformer.runtimes import OpenedModel, open_model
from topformer.tasks import DETECTION, SEGMENTATION
from topformer.text import printable
from topformer.verbs.predict.boxes import BoxResults
from topformer.verbs.predict.document import FailureDocument
from topformer.verbs.predict.labels import LabelResults
from topformer.verbs.predict.results import Results, overlay_name, picture_numbers

_RESULTS: dict[str, type[Results[Any]]] = {SEGMENTATION: LabelResults, DETECTION: BoxResults}


def run(
    *,
    pictures: Sequence[Path],
    model: str,
    out: Path,
    image_size: str | None,
    threshold: float | None,
    classes: str | None,
    as_json: bool,
) -> bool:
    """Run a model on pictures, and show what was found where; false when one of them failed.

    Raises `UsageError` when there are none, when two would be written to one file, or for a
    threshold where no boxes are found.
    """
    paths = find_pictures(pictures)
    if not paths:
        raise UsageError(f"There are no pictures in {', '.join(map(str, pictures))}.")
    _check_names(paths)
    size = parse_image_size(image_size) if image_size is not None else None
    named = None if classes is None else read_classes(classes)
    files: list[str] = []
    # With --json only: a detector's boxes of thousands of pictures take gigabytes.
    documents: list[Any] = []
    failures: list[FailureDocument] = []
    ensure_writable_folder(out)
    with progress_display() as show_progress, weights_as("--model "):
        show_progress(f"opening {model}")
        opened = open_model(model, image_size=size, classes=named)
        results = _results_of(opened, out, model, threshold)
        doing = "segmenting" if isinstance(results, LabelResults) else "detecting"
        show_progress(f"{doing} {paths[0].name}" if len(paths) == 1 else doing)
        with show_progress.counting(doing, len(paths), told=True) as tell:
            numbers = picture_numbers(paths)
            for count, (path, number) in enumerate(zip(paths, numbers, strict=True), start=1):
                try:
                    made = results.make(path, number=number)
                    results.count(made)
                    files += results.files_of(made)
                    documents += [made] if as_json else []
                    _tell(results, made, with_found=len(paths) > 1)
                except TopformerError as error:
                    failures.append(_failure(path, error))
                    _tell_failure(failures[-1])
                tell(count)
    weights = opened.manifest.weights
    tell_notes(opened.notes)
    done = len(paths) - len(failures)
    if done:
        print_table(results.table(done))
    if done > 1:
        stderr().print(f"{results.files_are} are in {out}", soft_wrap=True)
    warn_of_letters(results.names())
    announce_random(weights)
    announce_unnamed(opened.manifest.classes, weights)
    if as_json:
        print_document(results.document(model, documents, failures))
    else:
        # Those of many pictures would push the table off the screen.
        print_lines(files, shown=done > 1)
    return not failures


def _results_of(
    opened: OpenedModel, out: Path, model: str, threshold: float | None
) -> Results[Any]:
    task = opened.manifest.model.task
    if task not in _RESULTS:
        raise TopformerError(f"{model} is for {task}, of which nothing can be shown.")
    if threshold is not None:
        opened = _with_threshold(opened, threshold, model)
    return _RESULTS[task](opened, out, threshold=threshold)


def _with_threshold(opened: OpenedModel, threshold: float, model: str) -> OpenedModel:
    """Let boxes count that score more than this, in place of what the manifest says."""
    manifest = opened.manifest
    if manifest.detection is None:
        raise UsageError(
            f"--threshold is for boxes, and {model} is for {manifest.model.task}.",
            next_step="Leave --threshold out, or name a detector.",
        )
    info = msgspec.structs.replace(manifest.detection, score_threshold=threshold)
    return replace(opened, manifest=msgspec.structs.replace(manifest, detection=info))


def _check_names(paths: list[Path]) -> None:
    """Refuse pictures whose results would overwrite each other, before any is made."""
    by_name: dict[str, Path] = {}
    for path in paths:
        # Names that differ in case only are one name on some systems.
        other = by_name.setdefault(overlay_name(path).casefold(), path)
        if other is not path:
            raise UsageError(
                f"{other} and {path} would be written to the same files.",
                why=f"Results are named after the picture: {overlay_name(path)}.",
                next_step="Run them one after the other, with different --out folders.",
            )


def _failure(path: Path, error: TopformerError) -> FailureDocument:
    return FailureDocument(
        path=str(path), what=error.what, why=error.why, next_step=error.next_step
    )


def _tell(results: Results[Any], one: Any, *, with_found: bool) -> None:
    """Say in one line that a picture is done, and what was found in it."""
    found = f": {results.found_in(one)}" if with_found else ""
    remark = " (random weights)" if results.manifest.weights.is_random else ""
    name = printable(results.path_of(one).name)
    stderr().print(Text.assemble((name, "bold"), (remark, "yellow"), found), soft_wrap=True)


def _tell_failure(failure: FailureDocument) -> None:
    said = (failure.what, failure.why, failure.next_step)
    text = " ".join(part for part in said if part)
    stderr().print(Text("failed:", style="bold red"), text, soft_wrap=True)
