"""What is not wrong with any one file of a split, and still makes it unlikely to be what is meant.

A problem is a file that cannot be used. A doubt is found in files that all can be: only a person
can say whether they are right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topformer.data.label_files import IGNORED, are_shades
from topformer.data.layouts import FoundPairs, Pair
from topformer.data.pairs import DROP_ORIENTATION
from topformer.files import sha256_file
from topformer.manifest import Classes

FILES_SHOWN = 5
NAMES_SHOWN = 10
# Of a split's pixels: the published data sets ignore an eighth at most.
MOST_IGNORED = 1 / 3


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
class PairFacts:
    """What is kept of a pair that could be opened."""

    # Height and width, of both.
    size: tuple[int, int]
    # Pixels by value in the label file, [256].
    counts: NDArray[np.int64]
    # The picture by its EXIF orientation, the labels not by the same.
    turned_apart: bool
    grey_as_colours: bool


class Suspicions:
    """Collects, pair by pair, what the doubts about a split are drawn from."""

    def __init__(self, found: FoundPairs, classes: Classes) -> None:
        self.found, self.classes = found, classes
        self.opened = 0
        # Pixels by value in the files, [256].
        self.values = np.zeros(256, np.int64)
        self.turned: list[Path] = []
        self.grey_as_colours: list[Path] = []
        self.constant: list[Path] = []
        self.ignored: list[Path] = []
        self.empty: list[Path] = []
        # Label files of 0 and 255 alone, and whether 255 stands beside any other value, too.
        self.black_and_white: list[Path] = []
        self.white_is_used = False

    def add(self, pair: Pair, facts: PairFacts) -> None:
        """Take in a pair that could be opened."""
        counts, table = facts.counts, self.found.table
        total = int(counts.sum())
        self.opened += 1
        self.values += counts
        if facts.turned_apart:
            self.turned.append(pair.picture)
        if facts.grey_as_colours:
            self.grey_as_colours.append(pair.labels)
        present = np.flatnonzero(counts)
        if len(present) == 1:
            self.constant.append(pair.labels)
        ignored = int(counts[table == IGNORED].sum())
        if ignored == total:
            self.empty.append(pair.labels)
        if ignored > total / 2:
            self.ignored.append(pair.labels)
        if present.tolist() == [0, 255]:
            self.black_and_white.append(pair.labels)
        elif counts[255] and len(present) > 1:
            self.white_is_used = True

    def doubts(self) -> tuple[Doubt, ...]:
        """All doubts about what was taken in; none where nothing was."""
        if not self.opened:
            return ()
        found: list[Doubt | None] = [
            self._turned(),
            self._shades(),
            self._ignored(),
            self._one_class(),
            self._unused(),
            self._constant(),
            self._empty(),
            self._grey_as_colours(),
            self._renamed(),
        ]
        return tuple(doubt for doubt in found if doubt is not None)

    def _turned(self) -> Doubt | None:
        return _of_files(
            self.turned,
            kind="exif-orientation",
            what=lambda many: f"{many} another EXIF orientation than the labels.",
            noun="picture",
            verb="has|have",
            why="Each file is turned by its own EXIF orientation, as viewers and OpenCV do. Labels "
            "without one that were drawn on the pixels as stored then lie turned or mirrored, and "
            "their size need not tell.",
            next_step="Look at the drawn samples, where they come first. Do the labels lie wrong? "
            f"{DROP_ORIENTATION}",
        )

    def _shades(self) -> Doubt | None:
        present = np.flatnonzero(self.values)
        ignored = int(self.values[255])
        share = ignored / int(self.values.sum())
        if len(present) > 2 and are_shades(present):
            shown = ", ".join(map(str, present))
            return Doubt(
                kind="scaled-values",
                what=f"All labels are one of {shown}.",
                why=f"These look like ids spread over black to white, to be seen; 255 is ignored "
                f"({ignored:,} pixels, {share:.1%}).",
                next_step=f"Write ids in place of them: 0 to {len(present) - 1}.",
                count=self.opened,
            )
        # Where 255 stands beside other values, too, it marks what is to be ignored.
        if self.white_is_used or int(self.found.table[0]) == IGNORED:
            return None
        return _of_files(
            self.black_and_white,
            kind="scaled-values",
            what=lambda many: f"{many} no values but 0 and 255, black and white.",
            noun="label file",
            verb="holds|hold",
            why=f"255 is ignored, so that only 0 ({self.classes.names[0]!r}) is left of them: "
            f"{ignored:,} pixels, {share:.1%} of all, count nowhere.",
            next_step="If white is a class, write its id in place of 255: 1 for the second.",
        )

    def _ignored(self) -> Doubt | None:
        ignored = int(self.values[self.found.table == IGNORED].sum())
        share = ignored / int(self.values.sum())
        if share <= MOST_IGNORED:
            return None
        values = ", ".join(
            str(value)
            for value in np.flatnonzero(self.found.table == IGNORED)
            if self.values[value]
        )
        return Doubt(
            kind="mostly-ignored",
            what=f"{share:.1%} of all pixels are ignored; more than half in {len(self.ignored):,} "
            f"of {self.opened:,} label files.",
            why=f"They hold {values}, which is no class. Nothing is learnt or scored there.",
            next_step="Check that these values are no class; classes.json names what a folder "
            "ignores.",
            count=len(self.ignored),
            files=tuple(self.ignored[:FILES_SHOWN]),
        )

    def _used(self) -> list[int]:
        """Ids of the classes that occur."""
        ids = self.found.table[np.flatnonzero(self.values)]
        return sorted({int(one) for one in ids if one != IGNORED})

    def _one_class(self) -> Doubt | None:
        used = self._used()
        if len(used) != 1 and len(self.classes.names) != 1:
            return None
        name = self.classes.names[used[0] if used else 0]
        return Doubt(
            kind="one-class",
            what=f"There is one class only, {name!r}.",
            why="A network that says it everywhere is right everywhere, and learns nothing else.",
            next_step="Label what is not it as a class, too, such as 'background'.",
            count=1,
        )

    def _unused(self) -> Doubt | None:
        used = set(self._used())
        unused = [name for number, name in enumerate(self.classes.names) if number not in used]
        if not used or not unused:
            return None
        names = ", ".join(unused[:NAMES_SHOWN])
        names += f" and {len(unused) - NAMES_SHOWN:,} more" if len(unused) > NAMES_SHOWN else ""
        return Doubt(
            kind="unused-classes",
            what=f"{len(unused):,} of {len(self.classes.names):,} classes never occur: {names}.",
            why="They can be neither learnt nor scored here. Ids that were shifted, and labels of "
            "another data set, look so.",
            next_step="Compare the ids in the label files with the order of the classes.",
            count=len(unused),
        )

    def _constant(self) -> Doubt | None:
        if 2 * len(self.constant) <= self.opened:
            return None
        return _of_files(
            self.constant,
            kind="constant-labels",
            what=lambda many: f"{many} one value throughout, of {self.opened:,} in all.",
            noun="label file",
            verb="holds|hold",
            why="Nothing in them tells one place from another; exports that failed look so.",
            next_step="Open some: where things should be drawn, export the labels anew.",
        )

    def _empty(self) -> Doubt | None:
        return _of_files(
            self.empty,
            kind="empty-labels",
            what=lambda many: f"{many} no pixel that counts.",
            noun="label file",
            verb="has|have",
            why="Every pixel of them is ignored.",
            next_step="Label these pictures, or move them and their labels away.",
        )

    def _grey_as_colours(self) -> Doubt | None:
        return _of_files(
            self.grey_as_colours,
            kind="grey-as-colours",
            what=lambda many: f"{many} saved as colours, all of them grey.",
            noun="label file",
            why="The grey values are taken for ids. A tool that saves ids so may also have changed "
            "them, by smoothing or by another range.",
            next_step="Save them as grey PNGs of one channel, as in Python with Pillow: "
            "Image.open(f).getchannel(0).save(f).",
        )

    def _renamed(self) -> Doubt | None:
        return _of_files(
            [pair.labels for pair in self.found.renamed],
            kind="names-differ",
            what=lambda many: (
                f"{many} named in other capitals or accents than the picture asks for."
            ),
            noun="label file",
            why="They are read; other programs and other systems will not find them.",
            next_step="Rename them to their pictures' names with the suffix in small letters.",
        )


def shared_pictures(
    first_name: str, first: FoundPairs, second_name: str, second: FoundPairs
) -> Doubt | None:
    """Pictures of one split that are byte for byte in another, too."""
    pictures = [pair.picture for pair in first.pairs], [pair.picture for pair in second.pairs]
    if pictures[0] == pictures[1]:  # some data sets have one split under two names
        return None
    # Only files of a size that both splits have need be read.
    sizes = [_by_size(paths) for paths in pictures]
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
    return _of_files(
        sorted(shared),
        kind="shared-pictures",
        what=lambda many: (
            f"{many} in {first_name}, too, of {len(second.pairs):,} in {second_name}."
        ),
        noun="picture",
        why="A score on pictures that were trained on says nothing of others.",
        next_step=f"Move them out of one of the two: {first_name} or {second_name}.",
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
    except OSError:
        return ""


def _of_files(
    files: list[Path],
    *,
    kind: str,
    what: Callable[[str], str],
    noun: str,
    verb: str = "is|are",
    why: str,
    next_step: str,
) -> Doubt | None:
    """A doubt about files; none where there are none.

    `verb` has the form for one file and the one for many.
    """
    if not files:
        return None
    one, more = verb.split("|")
    many = f"1 {noun} {one}" if len(files) == 1 else f"{len(files):,} {noun}s {more}"
    return Doubt(
        kind=kind,
        what=what(many),
        why=why,
        next_step=next_step,
        count=len(files),
        files=tuple(files[:FILES_SHOWN]),
    )
