"""Where a set in COCO's format keeps its splits."""

import re
from dataclasses import dataclass
from pathlib import Path

from topformer.data.coco.documents import read_annotation_file
from topformer.data.coco.sorting import Problems, sort_entries
from topformer.data.coco.splits import BoxedSplit
from topformer.data.problems import raise_first
from topformer.errors import TopformerError, UsageError

_ANNOTATIONS = "annotations/instances_{split}.json"
# As the published set is unpacked, and as other sets here are laid out.
_PICTURES = ("images/{split}", "{split}")
# "train" is also found where it has the year of its publication in its name.
_YEARS = ("", "2017", "2014")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class SplitFiles:
    """The annotation file of a split, and the folder of its pictures."""

    root: Path
    # The set's own name of it, as in "val2017".
    name: str
    annotations: Path
    pictures: Path


def find_split(root: Path, split: str) -> SplitFiles:
    """Find a split by the name in its annotation file's, as in "val2017", or "val" for short.

    Raises `UsageError` where there is none, and `TopformerError` where its pictures are missing.
    """
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.", next_step="Name the data set's folder.")
    names = [f"{split}{year}" for year in _YEARS] if _NAME.fullmatch(split) else []
    for name in names:
        annotations = root / _ANNOTATIONS.format(split=name)
        if annotations.exists():
            pictures = _pictures(root, name)
            return SplitFiles(root=root, name=name, annotations=annotations, pictures=pictures)
    there = split_names(root)
    raise UsageError(
        f"{root} has no split called {split!r}.",
        why=f"Boxes are read from {_ANNOTATIONS.format(split=split)}; "
        + (f"there is {', '.join(there)}." if there else "there is no file of such a name."),
        next_step=f"Choose one of {', '.join(there)}."
        if there
        else f"Put annotations in COCO's format there, and the pictures into "
        f"{_PICTURES[0].format(split=split)}.",
    )


def split_names(root: Path) -> list[str]:
    """The set's own names of its splits."""
    before, after = _ANNOTATIONS.split("{split}")
    names = (
        path.relative_to(root).as_posix()[len(before) : -len(after)]
        for path in root.glob(f"{before}*{after}")
    )
    return sorted(name for name in names if _NAME.fullmatch(name))


def _pictures(root: Path, name: str) -> Path:
    folders = [root / folder.format(split=name) for folder in _PICTURES]
    found = next((one for one in folders if one.is_dir()), None)
    if found is None:
        raise TopformerError(
            f"There is no folder {folders[0]}, nor {folders[1]}.",
            why="The pictures of a split are looked for there.",
            next_step="Unpack the pictures there.",
        )
    return found


def read_split(root: Path, split: str) -> BoxedSplit:
    """Read a split of a set in COCO's format; no picture is opened.

    `root` holds `annotations/instances_SPLIT.json`, and `images/SPLIT` or `SPLIT` with the
    pictures. Raises `UsageError` where there is no such split, and `TopformerError` for a file
    that is too large or not in that format, for entries that contradict each other, boxes that are
    none, and pictures that are missing.
    """
    found = find_split(root, split)
    sorted_out, problems = sort_split(found)
    raise_first(problems.told, count=problems.count, kind="entries")
    return sorted_out


def sort_split(files: SplitFiles) -> tuple[BoxedSplit, Problems]:
    """Read what is sound of a split, and what is wrong with the rest of its entries."""
    problems = Problems(files.annotations)
    entries = read_annotation_file(files.annotations)
    split = sort_entries(
        entries,
        dataset=files.root.resolve().name[:1000],
        name=files.name,
        folder=files.pictures,
        problems=problems,
    )
    return split, problems
