"""What is not wrong with any one file of a split, and still makes it unlikely to be what is meant.

A problem is a file that cannot be used. A doubt is found in files that all can be: only a person
can say whether they are right.
"""

from dataclasses import dataclass
from pathlib import Path

from topformer.data.layouts import FoundPairs
from topformer.data.pairs import DROP_ORIENTATION
from topformer.errors import TopformerError
from topformer.files import sha256_file

FILES_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Something about a split that is probably not meant."""

    # A word for programs, as in "unused-classes".
    kind: str
    what: str
    why: str
    next_step: str
    # Of files, or of classes where no files are named.
    count: int
    # The first of them.
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Wording:
    """A doubt about files, in sentences that `str.format` completes."""

    # Begins with how many files there are, such as "2 label files are".
    what: str
    why: str
    next_step: str
    noun: str = "label file"
    verb: str = "is|are"


_WORDINGS = {
    "turned-pictures": _Wording(
        noun="picture",
        verb="is|are",
        what="{many} turned or mirrored by an EXIF orientation.",
        why="They are shown and learnt from as viewers show them. Boxes that were drawn on the "
        "stored pixels then lie elsewhere, and no size tells.",
        next_step="Look at the drawn samples. Where boxes lie wrong, take it out: `exiftool "
        "-Orientation= FILE`.",
    ),
    "exif-orientation": _Wording(
        noun="picture",
        verb="has|have",
        what="{many} another EXIF orientation than the labels.",
        why="Each file is turned by its own EXIF orientation, as viewers and OpenCV do. Labels "
        "without one that were drawn on the pixels as stored then lie turned or mirrored, and "
        "their size need not tell.",
        next_step="Look at the drawn samples, where they come first. Do the labels lie wrong? "
        f"{DROP_ORIENTATION}",
    ),
    "scaled-values": _Wording(
        verb="holds|hold",
        what="{many} no values but 0 and 255, black and white.",
        why="255 is ignored, so that only 0 ({first!r}) is left of them: {ignored:,} pixels, "
        "{share:.1%} of all, count nowhere.",
        next_step="If white is a class, write its id in place of 255: 1 for the second.",
    ),
    "constant-labels": _Wording(
        verb="holds|hold",
        what="{many} one value throughout, of {opened:,} in all.",
        why="Nothing in them tells one place from another; exports that failed look so.",
        next_step="Open some: where things should be drawn, export the labels anew.",
    ),
    "empty-labels": _Wording(
        verb="has|have",
        what="{many} no pixel that counts.",
        why="Every pixel of them is ignored.",
        next_step="Label these pictures, or move them and their labels away.",
    ),
    "grey-as-colours": _Wording(
        what="{many} saved as colours, all of them grey.",
        why="The grey values are taken for ids. A tool that saves ids so may also have changed "
        "them, by smoothing or by another range.",
        next_step="Save them as grey PNGs of one channel, as in Python with Pillow: "
        "Image.open(f).getchannel(0).save(f).",
    ),
    "names-differ": _Wording(
        what="{many} named in other capitals or accents than the picture asks for.",
        why="They are read; other programs and other systems will not find them.",
        next_step="Rename them to their pictures' names with the suffix in small letters.",
    ),
    "shared-pictures": _Wording(
        noun="picture",
        what="{many} in {first}, too, of {pairs:,} in {second}.",
        why="A score on pictures that were trained on says nothing of others.",
        next_step="Move them out of one of the two: {first} or {second}.",
    ),
}


def of_files(kind: str, files: list[Path], **details: object) -> Doubt | None:
    """A doubt about files; none where there are none."""
    if not files:
        return None
    wording = _WORDINGS[kind]
    one, more = wording.verb.split("|")
    noun = wording.noun
    many = f"1 {noun} {one}" if len(files) == 1 else f"{len(files):,} {noun}s {more}"
    return Doubt(
        kind=kind,
        what=wording.what.format(many=many, **details),
        why=wording.why.format(**details),
        next_step=wording.next_step.format(**details),
        count=len(files),
        files=tuple(files[:FILES_SHOWN]),
    )


def shared_pictures(
    first_name: str, first: FoundPairs, second_name: str, second: FoundPairs
) -> Doubt | None:
    """Pictures of one split that are byte for byte in another, too."""
    pictures = [[pair.picture for pair in one.pairs] for one in (first, second)]
    return shared_files(first_name, pictures[0], second_name, pictures[1])


def shared_files(
    first_name: str, first: list[Path], second_name: str, second: list[Path]
) -> Doubt | None:
    """Pictures of the first split that are byte for byte in the second, too."""
    if first == second:  # some data sets have one split under two names
        return None
    # Only files of a size that both splits have need be read.
    sizes = [_by_size(paths) for paths in (first, second)]
    known = {
        digest
        for size in sizes[0].keys() & sizes[1].keys()
        for path in sizes[0][size]
        if (digest := _digest(path))
    }
    shared = [
        path
        for size in sorted(sizes[0].keys() & sizes[1].keys())
        for path in sizes[1][size]
        if _digest(path) in known
    ]
    return of_files(
        "shared-pictures",
        sorted(shared),
        first=first_name,
        second=second_name,
        pairs=len(second),
    )


def _by_size(paths: list[Path]) -> dict[int, list[Path]]:
    found: dict[int, list[Path]] = {}
    for path in paths:
        try:
            found.setdefault(path.stat().st_size, []).append(path)
        except OSError:  # among the problems of its split
            continue
    return found


def _digest(path: Path) -> str:
    try:
        return sha256_file(path)
    except (OSError, TopformerError):  # among the problems of its split
        return ""
