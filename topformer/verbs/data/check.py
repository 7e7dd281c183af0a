"""What `topformer data check` does: look at every file of a data set, and draw samples."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from topformer.console.output import print_result, warn_of_letters
from topformer.console.progress import ProgressDisplay, progress_display
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.data import BOX_DATASET_KEYS, Dataset, open_dataset
from topformer.data.check import SplitReport, check_split
from topformer.data.doubts import Doubt, shared_pictures
from topformer.data.layouts import FoundPairs
from topformer.evaluation.scoring import show_pair
from topformer.evaluation.sheet import draw_sheet
from topformer.files import ensure_writable_folder
from topformer.verbs.data.boxes.check import run as check_boxes
from topformer.verbs.data.document import (
    ClassContentDocument,
    DataCheckDocument,
    SplitCheckDocument,
)
from topformer.verbs.data.findings import (
    draw_samples,
    problem_documents,
    size_range,
    tell_findings,
    warning_documents,
)


def run(*, root: Path, dataset: str, splits: Sequence[str], out: Path, as_json: bool) -> bool:
    """Check splits of a data set; false when there is a problem or a warning."""
    if dataset in BOX_DATASET_KEYS:
        return check_boxes(root=root, dataset=dataset, splits=splits, out=out, as_json=as_json)
    opened = open_dataset(dataset, root)
    names = list(dict.fromkeys(splits or ("train", "val")))
    # All splits are found before the first one is read.
    found = {name: opened.split(name) for name in names}
    with progress_display() as show_progress:
        # Now, not after all files were read, is the time to learn that nothing can be written.
        ensure_writable_folder(out)
        checked = [_check(opened, name, found, out, show_progress) for name in found]
    for one in checked:
        _report(one)
    warn_of_letters(opened.classes.names)
    sound = not any(one.problem_count or one.warnings for one in checked)
    document = DataCheckDocument(
        dataset=opened.key,
        root=str(root),
        terms=opened.terms,
        sound=sound,
        splits=tuple(checked),
    )
    sheets = [one.sheet for one in checked if one.sheet is not None]
    print_result(document, [*sheets, "sound" if sound else "NOT sound"], as_json=as_json)
    return sound


def _check(
    opened: Dataset,
    name: str,
    splits: dict[str, FoundPairs],
    out: Path,
    show_progress: ProgressDisplay,
) -> SplitCheckDocument:
    found, names = splits[name], list(splits)
    with show_progress.counting(f"reading {name}", len(found.pairs)) as tell:
        report = check_split(found, opened.classes, progress=lambda done, _total: tell(done))
    shared = [
        shared_pictures(earlier, splits[earlier], name, found)
        for earlier in names[: names.index(name)]
    ]
    doubts = (*report.doubts, *(doubt for doubt in shared if doubt is not None))
    show_progress(f"drawing {name}")
    sheet = _draw(opened, name, found, doubts, out / f"{opened.key}-{name}.png")
    return _document(opened, name, report, doubts, sheet)


def _draw(
    opened: Dataset, name: str, found: FoundPairs, doubts: tuple[Doubt, ...], path: Path
) -> Path | None:
    named = {file for doubt in doubts for file in doubt.files}
    return draw_samples(
        path,
        found.pairs,
        named=[pair for pair in found.pairs if pair.picture in named or pair.labels in named],
        show=lambda pair: show_pair(pair, found, opened.classes),
        draw=lambda shown, caption: draw_sheet(shown, opened.classes, caption),
        title=f"{opened.classes.dataset} {name}",
    )


def _document(
    opened: Dataset,
    name: str,
    report: SplitReport,
    doubts: tuple[Doubt, ...],
    sheet: Path | None,
) -> SplitCheckDocument:
    return SplitCheckDocument(
        split=name,
        pairs=report.pairs,
        ignored_pixels=report.ignored_pixels,
        empty_pictures=report.empty,
        smallest=report.smallest,
        largest=report.largest,
        classes=tuple(
            ClassContentDocument(
                id=number,
                name=class_name,
                pixels=int(report.pixels[number]),
                pictures=int(report.pictures[number]),
            )
            for number, class_name in enumerate(opened.classes.names)
        ),
        problem_count=report.problem_count,
        problems=problem_documents(report.problems),
        warnings=warning_documents(doubts),
        sheet=None if sheet is None else str(sheet),
    )


def _report(one: SplitCheckDocument) -> None:
    console = stderr()
    console.print(_heading(one), soft_wrap=True)
    print_table(_table(one))
    tell_findings(one.problems, one.problem_count, one.warnings)


def _heading(one: SplitCheckDocument) -> str:
    total = sum(entry.pixels for entry in one.classes) + one.ignored_pixels
    ignored = one.ignored_pixels / total if total else 0.0
    sizes = size_range(one.smallest, one.largest)
    return f"{one.split}: {one.pairs:,} pictures{sizes}; {ignored:.1%} of all pixels ignored"


def _table(one: SplitCheckDocument) -> Table:
    labelled = sum(entry.pixels for entry in one.classes)
    table = Table()
    table.add_column("id", justify="right")
    table.add_column("class")
    table.add_column("of labelled pixels", justify="right")
    table.add_column("in pictures", justify="right")
    for entry in one.classes:
        share = f"{entry.pixels / labelled:.2%}" if labelled else "-"
        style = "" if entry.pixels else "yellow"
        table.add_row(str(entry.id), entry.name, share, f"{entry.pictures:,}", style=style)
    return table
