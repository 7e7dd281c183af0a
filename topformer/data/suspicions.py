"""What is gathered of a split, pair by pair, until doubts can be drawn from it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topformer.data.doubts import FILES_SHOWN, Doubt, of_files
from topformer.data.label_files import IGNORED, are_shades
from topformer.data.layouts import FoundPairs, Pair
from topformer.manifest import Classes

NAMES_SHOWN = 10
# Of a split's pixels: the published data sets ignore an eighth at most.
MOST_IGNORED = 1 / 3


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
        mostly_constant = 2 * len(self.constant) > self.opened
        found = [
            of_files("exif-orientation", self.turned),
            self._shades(),
            self._ignored(),
            self._one_class(),
            self._unused(),
            of_files(
                "constant-labels", self.constant if mostly_constant else [], opened=self.opened
            ),
            of_files("empty-labels", self.empty),
            of_files("grey-as-colours", self.grey_as_colours),
            of_files("names-differ", [pair.labels for pair in self.found.renamed]),
        ]
        return tuple(doubt for doubt in found if doubt is not None)

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
        first = self.classes.names[0]
        return of_files(
            "scaled-values", self.black_and_white, first=first, ignored=ignored, share=share
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
