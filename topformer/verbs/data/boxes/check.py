"""What `topformer data check` does with boxes: look at every entry and picture, draw samples."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from topformer.console.output import print_result, warn_of_letters
from topformer.console.progress import ProgressDisplay, progress_display
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.data import BoxDataset, open_box_dataset
from topformer.data.coco import BoxedSplit, open_boxed, require_same_classes
from topformer.data.coco.check import BoxReport, check_boxes
from topformer.data.coco.finding import SplitFiles, find_split, sort_split, split_names
from topformer.data.doubts import Doubt, shared_files
from topformer.errors import TopformerError, UsageError
from topformer.evaluation.boxes.sheet import ShownBoxes, draw_box_sheet
from topformer.files import ensure_writable_folder
from topformer.verbs.data.boxes.document import (
    BoxDataCheckDocument,
    BoxSplitCheckDocument,
    ClassBoxCountsDocument,
)
from topformer.verbs.data.findings import (
    draw_samples,
    problem_documents,
    size_range,
    tell_findings,
    warning_documents,
)


def run(*, root: Path, dataset: str, splits: Sequence[str], out: Path, as_json: bool) -> bool:
    """Check splits of a data set, all unless some are named; false for a problem or a warning."""
    opened = open_box_dataset(dataset, root)
    names = list(dict.fromkeys(splits or split_names(root)))
    if not names:
        raise UsageError(
            f"{root} has no annotations in COCO's format.",
            why="They are looked for in annotations/instances_SPLIT.json.",
            next_step="Name the folder that holds `annotations`, or choose another --dataset.",
        )
    # All splits are found before the first one is read.
    files = [find_split(root, name) for name in names]
    checked: list[tuple[BoxSplitCheckDocument, BoxedSplit]] = []
    with progress_display() as show_progress:
        # Now, not after all files were read, is the time to learn that nothing can be written.
        ensure_writable_folder(out)
        for one in files:
            earlier = [split for _, split in checked]
            checked.append(_check(opened, one, earlier, out, show_progress))
    documents = [document for document, _ in checked]
    for one in documents:
        _report(one)
    warn_of_letters(name for _, split in checked for name in split.classes.names)
    sound = not any(one.problem_count or one.warnings for one in documents)
    document = BoxDataCheckDocument(
        dataset=opened.key,
        root=str(root),
        terms=opened.terms,
        sound=sound,
        splits=tuple(documents),
    )
    sheets = [one.sheet for one in documents if one.sheet is not None]
    print_result(document, [*sheets, "sound" if sound else "NOT sound"], as_json=as_json)
    return sound


def _check(
    opened: BoxDataset,
    files: SplitFiles,
    earlier: Sequence[BoxedSplit],
    out: Path,
    show_progress: ProgressDisplay,
) -> tuple[BoxSplitCheckDocument, BoxedSplit]:
    show_progress(f"reading {files.annotations.name}")
    split, found = sort_split(files)
    with show_progress.counting(f"opening {files.name}", len(split)) as tell:
        report = check_boxes(split, found, progress=lambda done, _total: tell(done))
    others = _other_classes(opened, split, earlier)
    doubts = [*report.doubts, *_shared(split, earlier)]
    show_progress(f"drawing {files.name}")
    sheet = _draw(split, doubts, out / f"{opened.key}-{files.name}.png")
    return _document(report, others, doubts, sheet), split


def _other_classes(
    opened: BoxDataset, split: BoxedSplit, earlier: Sequence[BoxedSplit]
) -> list[TopformerError]:
    """Say where the categories are not those of the set or of another split."""
    problems: list[TopformerError] = []
    try:
        opened.require_classes(split)
        for one in earlier:
            require_same_classes(one, split)
    except TopformerError as error:
        problems.append(error)
    return problems


def _shared(split: BoxedSplit, earlier: Sequence[BoxedSplit]) -> list[Doubt]:
    """Say which pictures are in an earlier split, too."""
    own = [picture.path for picture in split]
    shared = [
        shared_files(one.name, [picture.path for picture in one], split.name, own)
        for one in earlier
    ]
    return [doubt for doubt in shared if doubt is not None]


def _draw(split: BoxedSplit, doubts: Sequence[Doubt], path: Path) -> Path | None:
    named = {file for doubt in doubts for file in doubt.files}

    def show(place: int) -> ShownBoxes:
        picture = split[place]
        return ShownBoxes(picture=picture, pixels=open_boxed(picture))

    return draw_samples(
        path,
        range(len(split)),
        named=[
            place for place, name in enumerate(split.file_names) if split.folder / name in named
        ],
        show=show,
        draw=lambda shown, caption: draw_box_sheet(shown, split.classes, caption),
        title=f"{split.classes.dataset} {split.name}",
    )


def _document(
    report: BoxReport, others: list[TopformerError], doubts: Sequence[Doubt], sheet: Path | None
) -> BoxSplitCheckDocument:
    split = report.split
    return BoxSplitCheckDocument(
        split=split.name,
        pictures=len(split),
        boxes=int(report.boxes.sum()),
        crowds=int(report.crowds.sum()),
        first_crowds=report.first_crowds,
        background=report.background,
        smallest=report.smallest,
        largest=report.largest,
        classes=tuple(
            ClassBoxCountsDocument(
                id=number,
                category_id=split.category_ids[number],
                name=name,
                boxes=int(report.boxes[number]),
                pictures=int(report.pictures[number]),
                crowds=int(report.crowds[number]),
            )
            for number, name in enumerate(split.classes.names)
        ),
        problem_count=report.problem_count + len(others),
        problems=problem_documents([*others, *report.problems]),
        warnings=warning_documents(doubts),
        sheet=None if sheet is None else str(sheet),
    )


def _report(one: BoxSplitCheckDocument) -> None:
    console = stderr()
    console.print(
        f"{one.split}: {one.pictures:,} pictures{size_range(one.smallest, one.largest)}, "
        f"{one.background:,} of them without boxes; {one.boxes:,} boxes",
        soft_wrap=True,
    )
    print_table(_table(one))
    if one.crowds:
        console.print(
            f"{one.crowds:,} crowds, which are neither learnt nor missed. {one.first_crowds}",
            soft_wrap=True,
        )
    tell_findings(one.problems, one.problem_count, one.warnings)


def _table(one: BoxSplitCheckDocument) -> Table:
    table = Table()
    table.add_column("id", justify="right")
    table.add_column("category", justify="right")
    table.add_column("class")
    for title in ("boxes", "in pictures", *(["crowds"] if one.crowds else [])):
        table.add_column(title, justify="right")
    for entry in one.classes:
        counts = [entry.boxes, entry.pictures, *([entry.crowds] if one.crowds else [])]
        table.add_row(
            str(entry.id),
            str(entry.category_id),
            entry.name,
            *(f"{count:,}" for count in counts),
            style="" if entry.boxes else "yellow",
        )
    return table
