"""Where a data set keeps its pictures and label files, and how the two find each other."""

import glob
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from topformer.data.file_names import FileNames, folded, how_to_rename, named_otherwise
from topformer.data.label_files import LabelTable
from topformer.errors import TopformerError, UsageError
from topformer.files import read_text

LIST_LIMIT_BYTES = 16 * 2**20
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A picture and its label file."""

    picture: Path
    labels: Path


@dataclass(frozen=True, kw_only=True)
class LabelForm:
    """One way in which a data set's labels are written."""

    # What follows the picture's stem in the label file's name.
    suffix: str
    table: LabelTable


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Folders of a data set below its root, `{split}` standing for the split's own name."""

    # The data set's own names of train, val and test.
    splits: dict[str, str]
    # In order of preference.
    forms: tuple[LabelForm, ...]
    pictures: str = "images/{split}"
    labels: str = "annotations/{split}"
    # Root as its archive unpacks it; a path to the folder above is understood too.
    folder: str = ""
    # Cut from a picture's name to find its stem, besides the suffix.
    picture_ending: str = ""
    # Pictures lie one folder deeper, by city.
    nested: bool = False
    # Names of a split's pictures, one a line, where the folders hold all splits.
    list_file: str = ""


@dataclass(frozen=True, kw_only=True)
class FoundPairs:
    """The pairs of a split, by name, and what their labels' values mean."""

    pairs: tuple[Pair, ...]
    table: LabelTable
    # Those whose label file's name has other capitals than the data set's form asks for.
    renamed: tuple[Pair, ...] = ()


def find_pairs(layout: Layout, root: Path, split: str) -> FoundPairs:
    """List a split's pictures and label files; no picture is opened.

    Raises `UsageError` for a root that does not exist or a split the data set does not have,
    `TopformerError` for a root of another layout and for pictures without labels.
    """
    if split not in layout.splits:
        raise UsageError(
            f"This data set has no split called {split!r}.",
            next_step=f"Choose one of {', '.join(layout.splits)}.",
        )
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.", next_step="Name the data set's folder.")
    base = _base(layout, root)
    own_name = layout.splits[split]
    pictures_dir = base / layout.pictures.format(split=own_name)
    labels_dir = base / layout.labels.format(split=own_name)
    for folder in (pictures_dir, labels_dir):
        if not folder.is_dir():
            raise _wrong_root(layout, root, folder, own_name)
    stems = (
        _listed(layout, base, own_name, pictures_dir)
        if layout.list_file
        else _stems(layout, pictures_dir)
    )
    if not stems:
        raise _no_pictures(layout, base, own_name, pictures_dir)
    names = FileNames(labels_dir, nested=layout.nested)
    form = _form(layout, names, stems)
    pairs: list[Pair] = []
    renamed: list[Pair] = []
    missing: list[str] = []
    expected = {f"{stem}{form.suffix}" for stem in stems}
    taken: set[str] = set()
    for stem, picture in sorted(stems.items()):
        name = f"{stem}{form.suffix}"
        found = names.find(name)
        # Of two pictures whose names differ in capitals, neither takes the other's labels.
        if found is None or found in taken or (found != name and found in expected):
            missing.append(stem)
            continue
        taken.add(found)
        pairs.append(Pair(picture=picture, labels=labels_dir / found))
        renamed += [] if found == name else [pairs[-1]]
    if missing:
        raise _no_labels(missing, stems, form, names, taken)
    if not layout.list_file:  # else the folder holds the labels of other splits, too
        _refuse_orphans(layout, names, taken, form, pictures_dir)
    return FoundPairs(pairs=tuple(pairs), table=form.table, renamed=tuple(renamed))


def _base(layout: Layout, root: Path) -> Path:
    inner = root / layout.folder
    return inner if layout.folder and inner.is_dir() else root


def _wrong_root(layout: Layout, root: Path, folder: Path, own_name: str) -> TopformerError:
    expected = f"{layout.pictures} and {layout.labels}".format(split=own_name)
    if layout.pictures.format(split=own_name) == layout.labels.format(split=own_name):
        expected = layout.pictures.format(split=own_name)
    base = _base(layout, root)
    alike = _alike(base, folder.relative_to(base).parts)
    return TopformerError(
        f"{root} is not laid out as this data set is: there is no folder {folder}.",
        why=f"Its pictures and labels are looked for in {expected}"
        + (f", below {layout.folder} or the root itself." if layout.folder else ".")
        + (f" {alike} is there, in other capitals." if alike else ""),
        next_step=f"Rename {alike} to {folder}."
        if alike
        else "Pass the folder that holds these, or choose another --dataset.",
    )


def _alike(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """The folder of these names below `folder` in other capitals, if there is one."""
    for part in parts:
        entries = sorted(folder.iterdir())
        found = [one for one in entries if folded(one.name) == folded(part) and one.is_dir()]
        if not found:
            return None
        folder = next((one for one in found if one.name == part), found[0])
    return folder


def _no_pictures(layout: Layout, base: Path, own_name: str, folder: Path) -> TopformerError:
    if layout.list_file:
        path = base / layout.list_file.format(split=own_name)
        return TopformerError(f"{path} names no pictures.", next_step="Get the list again.")
    endings = layout.picture_ending or ", ".join(PICTURE_SUFFIXES)
    others = Counter(path.suffix for path in folder.rglob("*") if path.is_file())
    held = ", ".join(
        f"{number:,} {suffix or 'without any'}" for suffix, number in others.most_common(3)
    )
    return TopformerError(
        f"There are no pictures in {folder}.",
        why=f"Files ending in {endings} were looked for"
        + (f"; there are {held}." if held else ", and there is no file."),
        next_step="Put such files into folders there, one for each city."
        if layout.nested
        else "Put such files right there: folders inside it are not looked through.",
    )


def _stems(layout: Layout, folder: Path) -> dict[str, Path]:
    """Pictures by stem, which is relative to the folder where they lie one deeper."""
    entries = folder.glob("*/*") if layout.nested else folder.iterdir()
    stems: dict[str, Path] = {}
    for path in entries:
        ending = layout.picture_ending or path.suffix
        known = layout.picture_ending or ending.lower() in PICTURE_SUFFIXES
        fits = path.name.lower().endswith(ending.lower())
        if known and fits and not path.name.startswith("."):
            stem = path.relative_to(folder).as_posix()[: -len(ending)]
            if stem in stems:
                raise TopformerError(
                    f"{stems[stem]} and {path} would share one label file.",
                    next_step="Give each picture a name of its own.",
                )
            stems[stem] = path
    return stems


def _listed(layout: Layout, base: Path, own_name: str, folder: Path) -> dict[str, Path]:
    """Pictures named by the split's list."""
    path = base / layout.list_file.format(split=own_name)
    text = read_text(path, limit_bytes=LIST_LIMIT_BYTES, kind="list of pictures")
    names = FileNames(folder, nested=False)
    stems: dict[str, Path] = {}
    for line in text.split():
        name = names.find(f"{line}.jpg")
        if Path(line).name != line or name is None:
            raise TopformerError(
                f"{path} names a picture that is not there: {line[:100]}.",
                next_step=f"Unpack the pictures into {folder}.",
            )
        stems[line] = folder / name
    return stems


def _form(layout: Layout, names: FileNames, stems: dict[str, Path]) -> LabelForm:
    """Choose the form most of whose files are there; the preferred one where none is."""
    return max(
        layout.forms,
        key=lambda form: sum(names.find(f"{stem}{form.suffix}") is not None for stem in stems),
    )


def _no_labels(
    missing: list[str],
    stems: dict[str, Path],
    form: LabelForm,
    names: FileNames,
    taken: set[str],
) -> TopformerError:
    first, wanted = stems[missing[0]], names.folder / f"{missing[0]}{form.suffix}"
    others = f", and neither have {len(missing) - 1:,} more of {len(stems):,} pictures"
    free = names.names - taken
    named, number = named_otherwise(missing, free)
    held = ", ".join(sorted(free)[:3]) + (", ..." if len(free) > 3 else "")
    if named:
        seen = f"{names.folder / named} is there ({number:,} files are named so)."
    else:
        seen = f"The folder holds {held}." if free else "The folder holds no other files."
    return TopformerError(
        f"{first} has no labels{others if len(missing) > 1 else ''}.",
        why=f"{wanted} does not exist. {seen}",
        next_step=how_to_rename(named, wanted.name)
        if named
        else "Add the label files, or move pictures without any out of the folder.",
    )


def _refuse_orphans(
    layout: Layout, names: FileNames, taken: set[str], form: LabelForm, pictures_dir: Path
) -> None:
    """Refuse label files without a picture."""
    others = tuple(folded(other.suffix) for other in layout.forms if other is not form)
    orphans = sorted(
        name
        for name in names.names - taken
        if folded(name).endswith(folded(form.suffix))
        and not PurePosixPath(name).name.startswith(".")
        # ".png" ends what other forms end in, too.
        and not (form.suffix == ".png" and others and folded(name).endswith(others))
    )
    if orphans:
        stem = PurePosixPath(orphans[0][: -len(form.suffix)])
        unread = next((pictures_dir / stem.parent).glob(f"{glob.escape(stem.name)}.*"), None)
        raise TopformerError(
            f"{names.folder / orphans[0]} belongs to no picture.",
            why=f"{len(orphans):,} label files have no picture of their name."
            + (f" {unread} is of no kind that is read here." if unread else ""),
            next_step=f"Save such pictures as {' or '.join(PICTURE_SUFFIXES)}."
            if unread
            else "Add the pictures, or move these label files away.",
        )
