"""The data sets TopFormer is trained on: classes, ids, folders, and the size they are tested at.

Source of layouts, ids and test sizes: hustvl/TopFormer at cc0f436 (mmseg/datasets, local_configs);
of Cityscapes' label ids: cityscapesScripts; of COCO-Stuff's raw values: nightrome/cocostuff.
CamVid's folders follow SegNet's split; its test size is ours.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from topformer.classes import (
    COCO_CATEGORY_IDS,
    ClassesFile,
    dataset_classes,
    read_class_list,
    spread_palette,
)
from topformer.data.coco import BoxedSplit, read_split
from topformer.data.label_files import IGNORED, MOST_CLASSES, label_table
from topformer.data.layouts import FoundPairs, LabelForm, Layout, find_pairs
from topformer.errors import TopformerError, UsageError
from topformer.manifest import Classes
from topformer.tasks import DETECTION, SEGMENTATION


@dataclass(frozen=True, kw_only=True)
class WholeImageScale:
    """How large a whole picture is shown to the network when it is scored.

    It is scaled, keeping its shape, until its long side is `long_px` or its short side `short_px`,
    whichever comes first; then each side is rounded up to a multiple of `multiple_px`.
    """

    long_px: int
    short_px: int
    multiple_px: int = 1


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set on this machine."""

    key: str
    root: Path
    classes: Classes
    layout: Layout
    scale: WholeImageScale
    # What its licence says of weights trained on it, as far as it is known.
    terms: str

    def split(self, name: str) -> FoundPairs:
        """List pictures and label files of "train", "val" or "test"; see `find_pairs`."""
        return find_pairs(self.layout, self.root, name)


@dataclass(frozen=True, kw_only=True)
class BoxDataset:
    """A data set with boxes on this machine, in COCO's format."""

    key: str
    root: Path
    scale: WholeImageScale
    terms: str

    def split(self, name: str) -> BoxedSplit:
        """Read a split, "train", "val" or by the set's own name; see `coco.read_split`.

        Raises `TopformerError`, too, where the set called COCO has other categories than COCO.
        """
        split = read_split(self.root, name)
        self.require_classes(split)
        return split

    def require_classes(self, split: BoxedSplit) -> None:
        """Raise `TopformerError` where the set called COCO has other categories than COCO."""
        official = dataset_classes(COCO)
        found = split.classes.names, split.category_ids
        if self.key == COCO and found != (official.names, COCO_CATEGORY_IDS):
            raise TopformerError(
                f"{split.name} does not have the {len(official.names)} categories of COCO.",
                why=f"It has {len(split.category_ids)}, or others than COCO's ids and names.",
                next_step=f"Name the set {COCO_FOLDER!r}, which takes any categories.",
            )


@dataclass(frozen=True, kw_only=True)
class _Known:
    classes: str
    layout: Layout
    scale: WholeImageScale
    terms: str


# fmt: off
# Train ids of Cityscapes by label id; all other label ids are ignored.
_CITYSCAPES_IDS = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12,
    26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18,
}
_CITYSCAPES_IGNORED = (*(value for value in range(34) if value not in _CITYSCAPES_IDS), IGNORED)
# Values below 182 that COCO-Stuff 164k's own PNGs never have: COCO ids without a class, less one.
_COCO_GAPS = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
_COCO_VALUES = tuple(value for value in range(182) if value not in _COCO_GAPS)
# fmt: on

_CONTEXT_LISTS = "ImageSets/SegmentationContext/{split}.txt"
_CONTEXT_TERMS = "PASCAL VOC 2010 pictures under Flickr's terms; nothing stated for trained weights"
_COCO_TERMS = "COCO pictures under their Flickr licences; nothing stated for trained weights"
_CONTEXT_SCALE = WholeImageScale(long_px=520, short_px=520)
_FREE_SCALE = WholeImageScale(long_px=2048, short_px=512)
_OWN_SPLITS = {name: name for name in ("train", "val", "test")}


def _from_one(count: int) -> tuple[LabelForm, ...]:
    """Ids from 1 to `count`, 0 standing for none of them: mmseg's reduce_zero_label."""
    return (LabelForm(suffix=".png", table=label_table(range(1, count + 1), ignored=(0, 255))),)


def _folder_layout(count: int, ignored: tuple[int, ...]) -> Layout:
    return Layout(
        splits=_OWN_SPLITS,
        forms=(LabelForm(suffix=".png", table=label_table(range(count), ignored=ignored)),),
    )


def _context_layout(forms: tuple[LabelForm, ...]) -> Layout:
    return Layout(
        folder="VOCdevkit/VOC2010",
        pictures="JPEGImages",
        labels="SegmentationClassContext",
        splits={"train": "train", "val": "val"},
        forms=forms,
        list_file=_CONTEXT_LISTS,
    )


_KNOWN = {
    "ade20k": _Known(
        classes="ade20k",
        layout=Layout(
            folder="ADEChallengeData2016",
            splits={"train": "training", "val": "validation"},
            forms=_from_one(150),
        ),
        scale=WholeImageScale(long_px=2048, short_px=512, multiple_px=32),
        terms="ADE20K: non-commercial research",
    ),
    "coco-stuff-10k": _Known(
        classes="coco-stuff-171",
        layout=Layout(
            folder="coco_stuff10k",
            splits={"train": "train2014", "val": "test2014", "test": "test2014"},
            forms=(
                LabelForm(
                    suffix="_labelTrainIds.png",
                    table=label_table(range(1, 172), ignored=(0, 255)),
                ),
            ),
        ),
        scale=_FREE_SCALE,
        terms=_COCO_TERMS,
    ),
    "coco-stuff-164k": _Known(
        classes="coco-stuff-171",
        layout=Layout(
            folder="coco_stuff164k",
            splits={"train": "train2017", "val": "val2017"},
            forms=(
                LabelForm(suffix="_labelTrainIds.png", table=label_table(range(171))),
                # The PNGs as they are published.
                LabelForm(suffix=".png", table=label_table(_COCO_VALUES)),
            ),
        ),
        scale=_FREE_SCALE,
        terms=_COCO_TERMS,
    ),
    "pascal-context-59": _Known(
        classes="pascal-context-59",
        layout=_context_layout(_from_one(59)),
        scale=_CONTEXT_SCALE,
        terms=_CONTEXT_TERMS,
    ),
    "pascal-context-60": _Known(
        classes="pascal-context-60",
        layout=_context_layout((LabelForm(suffix=".png", table=label_table(range(60))),)),
        scale=_CONTEXT_SCALE,
        terms=_CONTEXT_TERMS,
    ),
    "cityscapes": _Known(
        classes="cityscapes",
        layout=Layout(
            folder="cityscapes",
            pictures="leftImg8bit/{split}",
            labels="gtFine/{split}",
            splits=_OWN_SPLITS,
            forms=(
                LabelForm(suffix="_gtFine_labelTrainIds.png", table=label_table(range(19))),
                LabelForm(
                    suffix="_gtFine_labelIds.png",
                    table=label_table(tuple(_CITYSCAPES_IDS), ignored=_CITYSCAPES_IGNORED),
                ),
            ),
            picture_ending="_leftImg8bit.png",
            nested=True,
        ),
        scale=WholeImageScale(long_px=1024, short_px=512),
        terms="Cityscapes: non-commercial use only",
    ),
    "camvid": _Known(
        classes="camvid",
        layout=_folder_layout(11, (11, IGNORED)),
        scale=WholeImageScale(long_px=2048, short_px=720),
        terms="CamVid, CC BY-NC: research and non-commercial use only",
    ),
}

# Any folder laid out as CamVid's, with a classes.json.
FOLDER = "folder"
DATASET_KEYS = (*_KNOWN, FOLDER)
# COCO itself, and any folder laid out as it is.
COCO, COCO_FOLDER = "coco", "coco-folder"
BOX_DATASET_KEYS = (COCO, COCO_FOLDER)
# Source: mmdetection, configs/retinanet: (1333, 800), padded to multiples of 32.
_BOX_SCALE = WholeImageScale(long_px=1333, short_px=800, multiple_px=32)


def open_dataset(key: str, root: Path) -> Dataset:
    """Find a data set by key; "folder" reads its classes from ROOT/classes.json.

    Raises `UsageError` for an unknown key or a root that does not exist, and `TopformerError` for a
    `classes.json` that is missing or malformed.
    """
    check_key(key)
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.", next_step="Name the data set's folder.")
    if key == FOLDER:
        return _open_folder(root)
    known = _KNOWN[key]
    return Dataset(
        key=key,
        root=root,
        classes=dataset_classes(known.classes),
        layout=known.layout,
        scale=known.scale,
        terms=known.terms,
    )


def open_box_dataset(key: str, root: Path) -> BoxDataset:
    """Find a data set with boxes by key; "coco-folder" is any one in COCO's format.

    Raises `UsageError` for an unknown key or a root that does not exist.
    """
    check_key(key, boxes=True)
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.", next_step="Name the data set's folder.")
    terms = _COCO_TERMS if key == COCO else _folder_terms(root)
    return BoxDataset(key=key, root=root, scale=_BOX_SCALE, terms=terms)


def dataset_task(key: str) -> str:
    """The task, as manifests name it, that a known data set is for."""
    return DETECTION if key in BOX_DATASET_KEYS else SEGMENTATION


def check_key(key: str, *, boxes: bool = False) -> None:
    """Refuse the key of a data set that nobody knows, or that is not for the task at hand."""
    wanted, others = DATASET_KEYS, BOX_DATASET_KEYS
    if boxes:
        wanted, others = others, wanted
    if key in wanted:
        return
    if key in others:
        held = ("labels of pixels, to segment", "boxes, to detect")[not boxes]
        raise UsageError(
            f"The data set {key!r} holds {held}.",
            why=f"{'Detection' if boxes else 'Segmentation'} is asked for.",
            next_step=f"Choose one of {', '.join(wanted)}, or the other task.",
        )
    raise UsageError(
        f"There is no data set called {key!r}.",
        next_step=f"Choose one of {', '.join(wanted)}"
        + (", or of boxes " if not boxes else ", or of labels ")
        + f"{', '.join(others)}.",
    )


def _open_folder(root: Path) -> Dataset:
    path = root / "classes.json"
    try:
        described = msgspec.json.decode(read_class_list(path), type=ClassesFile)
        if len(described.classes) > MOST_CLASSES:
            raise ValueError(f"It names {len(described.classes):,} classes; at most {MOST_CLASSES}")
        if described.ignore_label < len(described.classes):
            raise ValueError(f"It ignores label {described.ignore_label}, which is a class.")
        classes = Classes(
            dataset=_folder_name(root),
            names=described.classes,
            palette=described.palette or spread_palette(len(described.classes)),
        )
    except (TopformerError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        if isinstance(error, TopformerError) and error.next_step:
            raise
        why = error.why or error.what if isinstance(error, TopformerError) else str(error)
        raise TopformerError(
            f"{path} does not describe the classes of this folder.",
            why=why,
            next_step='Write {"classes": ["sky", ...], "palette": [[128, 128, 128], ...], '
            '"ignore_label": 255}; palette and ignore_label may be left out.',
        ) from error
    return Dataset(
        key=FOLDER,
        root=root,
        classes=classes,
        layout=_folder_layout(len(classes.names), (described.ignore_label, IGNORED)),
        scale=_FREE_SCALE,
        terms=_folder_terms(root),
    )


def _folder_terms(root: Path) -> str:
    """What weights learnt from a user's own pictures may be used for; two folders' terms differ."""
    return f"as the pictures of the folder {_folder_name(root)} allow"


def _folder_name(root: Path) -> str:
    return root.resolve().name[:1000]
