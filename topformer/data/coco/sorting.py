"""From the entries of an annotation file to a split: which boxes are whose, and what is wrong."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topformer.classes import dataset_classes, vivid_palette
from topformer.data.coco.documents import AnnotationEntry, AnnotationFile, ImageEntry, LooseNumber
from topformer.data.coco.splits import BoxedSplit
from topformer.errors import TopformerError
from topformer.manifest import Classes
from topformer.text import brief

# Of one kind; all are counted.
MOST_TOLD = 5
_CATEGORIES = 'Write {"id": 1, "name": "cat"} for each kind of object into `categories`.'
# Pixels, either way from the upper left: no picture is as large.
_LARGEST_COORDINATE = 1e6

Mask = NDArray[np.bool_]


class Problems:
    """What makes entries of a file unusable: the first of each kind, and how many in all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.told: list[TopformerError] = []

    def add(
        self,
        wrong: Mask,
        tell: Callable[[int], tuple[str, str]],
        next_step: str,
    ) -> None:
        """Take in the entries of a mask; `tell` says of one what is wrong, and why it matters."""
        positions = np.flatnonzero(wrong)
        self.count += len(positions)
        for number, position in enumerate(positions[:MOST_TOLD].tolist()):
            what, why = tell(position)
            is_first = number == 0 and len(positions) > 1
            more = f" So it is with {len(positions) - 1:,} more." if is_first else ""
            self.told.append(
                TopformerError(f"{self.path}: {what}", why=f"{why}{more}", next_step=next_step)
            )


def sort_entries(
    file: AnnotationFile, *, dataset: str, name: str, folder: Path, problems: Problems
) -> BoxedSplit:
    """Give every picture its boxes; entries that are unusable go to `problems` and are left out.

    `dataset` names the classes' origin where they are no known set's; the pictures lie in `folder`.
    Raises `TopformerError` for a file without categories or pictures, or whose categories
    contradict each other.
    """
    category_ids, classes = _classes(file, problems.path, dataset)
    if not file.images:
        raise TopformerError(
            f"{problems.path} names no pictures.", next_step="Get the annotations again."
        )
    images = _sound_images(file.images, folder, problems)
    picture_ids = np.array([one.id for one in images], np.int64)
    numbers = _Numbers(file.annotations)
    sound = _sound_annotations(file.annotations, numbers, file.images, category_ids, problems)
    sound &= np.isin(numbers.pictures, picture_ids)
    # By picture, within one in the file's order.
    order = np.flatnonzero(sound)
    pictures = np.searchsorted(picture_ids, numbers.pictures[order])
    by_picture = np.argsort(pictures, kind="stable")
    order, counts = order[by_picture], np.bincount(pictures, minlength=len(images))
    corners = np.concatenate(
        [numbers.boxes[order, :2], numbers.boxes[order, :2] + numbers.boxes[order, 2:]], 1
    )
    return BoxedSplit(
        name=name,
        classes=classes,
        category_ids=tuple(category_ids.tolist()),
        folder=folder,
        file_names=tuple(one.file_name for one in images),
        picture_ids=picture_ids,
        sizes=np.array([(one.height, one.width) for one in images], np.int32).reshape(-1, 2),
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        corners=corners.astype(np.float32),
        labels=np.searchsorted(category_ids, numbers.categories[order]).astype(np.int32),
        crowd=numbers.crowd[order] == 1,
        areas=numbers.areas[order],
        annotation_ids=numbers.ids[order],
    )


def _classes(file: AnnotationFile, path: Path, dataset: str) -> tuple[NDArray[np.int64], Classes]:
    """Category ids, ascending, and the classes that they stand for, in that order."""
    entries = sorted(file.categories, key=lambda one: one.id)
    ids = [one.id for one in entries]
    names = [" ".join(one.name.split()) for one in entries]
    if not entries:
        raise TopformerError(f"{path} has no categories.", next_step=_CATEGORIES)
    for values in (ids, names):
        value, times = Counter[int | str](values).most_common(1)[0]
        if times > 1:
            raise TopformerError(
                f"{path} has {times} categories with one id or name, {brief(str(value))}.",
                next_step=_CATEGORIES,
            )
    official = dataset_classes("coco")
    if tuple(names) == official.names:
        return np.array(ids, np.int64), official
    classes = Classes(dataset=dataset, names=tuple(names), palette=vivid_palette(len(names)))
    return np.array(ids, np.int64), classes


def _sound_images(
    images: Sequence[ImageEntry], folder: Path, problems: Problems
) -> list[ImageEntry]:
    """Pictures by id whose files are there."""
    images = sorted(images, key=lambda one: one.id)
    ids = np.array([one.id for one in images], np.int64)
    names = np.array([one.file_name for one in images], object)
    there = {path.name for path in folder.iterdir()}

    def tell(what: str, why: str) -> Callable[[int], tuple[str, str]]:
        return lambda row: (
            what.format(id=images[row].id, name=brief(images[row].file_name)),
            why.format(folder=folder),
        )

    foreign = np.array([not _is_name(one) for one in names], bool)
    problems.add(
        foreign,
        tell("picture {id} has the file name {name}.", "Pictures are files in {folder}."),
        "Write the name of a file alone into `file_name`, without folders.",
    )
    missing = np.array([one not in there for one in names], bool) & ~foreign
    problems.add(
        missing,
        tell("picture {id}, {name}, is missing.", "There is no such file in {folder}."),
        "Get the pictures that belong to these annotations, or take the entry out.",
    )
    same_id = repeated(ids)
    problems.add(
        same_id,
        tell("the picture id {id} is given twice, also to {name}.", "Boxes name pictures by id."),
        "Give each picture an id of its own.",
    )
    # As many codes as names: an array of texts is as wide as the longest of them.
    codes = dict[str, int]()
    by_name = np.array([codes.setdefault(one, len(codes)) for one in names], np.int64)
    same_file = repeated(by_name) & ~same_id
    problems.add(
        same_file,
        tell("picture {id} is {name}, as another one is.", "Its boxes would be in two entries."),
        "Put the boxes of a picture under one id.",
    )
    wrong = foreign | missing | same_id | same_file
    return [one for one, bad in zip(images, wrong.tolist(), strict=True) if not bad]


def _is_name(name: str) -> bool:
    """Whether a text is the name of a file alone, on any system."""
    return name not in {"", ".", ".."} and not set(name) & {"/", "\\", "\0"}


def repeated(values: NDArray[np.int64]) -> Mask:
    """Which values have stood before."""
    again = np.ones(len(values), bool)
    again[np.unique(values, return_index=True)[1]] = False
    return again


class _Numbers:
    """The annotations' numbers in arrays; NaN where there is none."""

    def __init__(self, annotations: Sequence[AnnotationEntry]) -> None:
        count = len(annotations)
        values = chain.from_iterable(one.bbox for one in annotations)
        # Left, top, width, height.
        self.boxes = np.fromiter(map(_number, values), np.float64, 4 * count).reshape(-1, 4)
        given = np.array([one.area is not None for one in annotations], bool)
        areas = np.fromiter((_number(one.area) for one in annotations), np.float64, count)
        with np.errstate(all="ignore"):  # of boxes that are refused
            self.areas = np.where(given, areas, self.boxes[:, 2] * self.boxes[:, 3])
        self.ids = np.array([one.id for one in annotations], np.int64)
        self.pictures = np.array([one.image_id for one in annotations], np.int64)
        self.categories = np.array([one.category_id for one in annotations], np.int64)
        crowd = (one.iscrowd if one.iscrowd in (0, 1) else -1 for one in annotations)
        self.crowd = np.fromiter(crowd, np.int8, count)


def _number(value: LooseNumber) -> float:
    return value if isinstance(value, float) else float("nan")


def _sound_annotations(
    annotations: Sequence[AnnotationEntry],
    numbers: _Numbers,
    images: Sequence[ImageEntry],
    category_ids: NDArray[np.int64],
    problems: Problems,
) -> Mask:
    """Which annotations can be used, whatever their picture's file is like."""
    names = {one.id: one.file_name for one in images}
    sound = np.ones(len(annotations), bool)

    def refuse(wrong: Mask, what: str, why: Callable[[AnnotationEntry], str], next_: str) -> None:
        def tell(row: int) -> tuple[str, str]:
            one = annotations[row]
            picture = f"picture {one.image_id}"
            if one.image_id in names:
                picture += f", {brief(names[one.image_id])},"
            return f"annotation {one.id} of {picture} {what}.", why(one)

        problems.add(wrong & sound, tell, next_)
        np.logical_and(sound, ~wrong, out=sound)

    boxes = numbers.boxes
    # No comparison holds for NaN.
    wrong = ~(np.abs(boxes).max(1, initial=0) <= _LARGEST_COORDINATE)
    refuse(wrong, "has a box that is not four numbers", _box_of, _DRAW_ANEW)
    refuse(boxes[:, 2:].min(1, initial=0) < 0, "has a box of negative size", _box_of, _DRAW_ANEW)
    wrong = ~((numbers.areas >= 0) & (numbers.areas <= _LARGEST_COORDINATE**2))
    refuse(wrong, "has no sensible area", lambda one: f"It is {_shown(one.area)}.", _DRAW_ANEW)
    refuse(
        numbers.crowd < 0,
        "is neither a crowd nor none",
        lambda one: f"Its `iscrowd` is {one.iscrowd}.",
        "Write 1 where a box is around many objects, else 0.",
    )
    refuse(
        ~np.isin(numbers.categories, category_ids),
        "is of an unknown category",
        lambda one: f"`categories` has no id {one.category_id}.",
        "Add the category, or correct the annotation.",
    )
    refuse(
        ~np.isin(numbers.pictures, np.array(list(names), np.int64)),
        "is in no picture",
        lambda one: f"`images` has no id {one.image_id}.",
        "Add the picture, or take the annotation out.",
    )
    refuse(
        repeated(numbers.ids),
        "has an id that is taken",
        lambda _one: "An annotation before it has the same id.",
        "Give each annotation an id of its own.",
    )
    return sound


_DRAW_ANEW = "Draw the box anew, or take the annotation out."


def _box_of(one: AnnotationEntry) -> str:
    shown = ", ".join(map(_shown, one.bbox))
    return f"Left, top, width and height are [{shown}]."


def _shown(value: LooseNumber) -> str:
    return "none" if value is None else brief(value if isinstance(value, str) else f"{value:g}")
