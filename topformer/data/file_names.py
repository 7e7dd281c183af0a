"""Names of pictures and label files: found where capitals differ, guessed at where more does."""

import unicodedata
from collections.abc import Iterable
from os.path import commonprefix
from pathlib import Path, PurePosixPath

from topformer.data.label_files import EXPORT_ANEW, LOSSY, SAVE_AS_PNG

# Of label files that are none, because labels are PNGs.
_LOSSY_SUFFIXES = (".jpg", ".jpeg", ".webp")
_LOSSLESS_SUFFIXES = (".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


class FileNames:
    """Names of files below their folder, found also where the capitals differ."""

    def __init__(self, folder: Path, *, nested: bool) -> None:
        entries = folder.glob("*/*") if nested else folder.iterdir()
        self.folder = folder
        self.names = {path.relative_to(folder).as_posix() for path in entries}
        self._by_folded: dict[str, list[str]] = {}
        for name in self.names:
            self._by_folded.setdefault(folded(name), []).append(name)

    def find(self, name: str) -> str | None:
        """The file of this name, or the only one that differs in capitals and accents alone."""
        if name in self.names:
            return name
        alike = self._by_folded.get(folded(name), [])
        return alike[0] if len(alike) == 1 else None


def folded(name: str) -> str:
    """A name without what file systems and archives change: capitals, and accents apart."""
    # macOS takes accents apart in names of files, and archives carry that to other systems.
    return unicodedata.normalize("NFC", name).casefold()


def named_otherwise(missing: list[str], names: Iterable[str]) -> tuple[str, int]:
    """The first label file that is there under another name, and how many are named alike.

    What stands before and after a picture's name is learnt from a few, and tried on all.
    """
    by_folded = {folded(name): name for name in names}
    # Character by character is what is meant: img_0.
    prefix = commonprefix(missing) if len(missing) > 1 else ""  # noqa: RUF071
    best = ("", 0)
    # The whole of a picture's name, or what tells it from the others: img_7.jpg, mask_7.png.
    for cores in (missing, [stem.removeprefix(prefix) for stem in missing]):
        searched = [folded(core) for core in cores]
        affixes: set[tuple[str, str]] = set()
        for core in searched[:3]:
            for name in by_folded if core else ():
                before, found, after = name.partition(core)
                if found:
                    affixes.add((before, after))
        for before, after in sorted(affixes, key=lambda both: len("".join(both)))[:50]:
            alike = [name for core in searched if (name := f"{before}{core}{after}") in by_folded]
            if len(alike) > best[1]:
                best = by_folded[alike[0]], len(alike)
    return best


def how_to_rename(name: str, wanted: str) -> str:
    """What makes a label file that is there the one that is looked for."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".png":
        return f"Rename the files, as in `mv {PurePosixPath(name).name} {wanted}`."
    if suffix in _LOSSY_SUFFIXES:
        return f"These are lossy: {LOSSY} {EXPORT_ANEW}"
    if suffix in _LOSSLESS_SUFFIXES:
        return f"Labels are PNG files. {SAVE_AS_PNG}"
    return (
        "Labels are PNG files whose pixel values are class ids: have the tool that made these "
        "write such."
    )
