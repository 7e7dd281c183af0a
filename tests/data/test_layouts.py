"""Every data set is found where its archive puts it, and what is missing is named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from topformer.data import DATASET_KEYS, IGNORED, open_dataset
from topformer.data.label_files import label_table, open_labels
from topformer.data.layouts import LabelForm, Layout, find_pairs
from topformer.errors import TopformerError, UsageError

# Of each data set: split, folder below the root, picture, label file, a value in it and its train
# id, and a value that is ignored.
CASES = {
    "ade20k": (
        "train", "ADEChallengeData2016", "images/training/a.jpg",
        "annotations/training/a.png", (150, 149), 0,
    ),
    "ade20k val": (
        "val", "ADEChallengeData2016", "images/validation/a.jpg",
        "annotations/validation/a.png", (1, 0), 0,
    ),
    "coco-stuff-10k": (
        "train", "coco_stuff10k", "images/train2014/a.jpg",
        "annotations/train2014/a_labelTrainIds.png", (171, 170), 0,
    ),
    "coco-stuff-10k val": (
        "val", "coco_stuff10k", "images/test2014/a.jpg",
        "annotations/test2014/a_labelTrainIds.png", (1, 0), 0,
    ),
    "coco-stuff-164k": (
        "train", "coco_stuff164k", "images/train2017/a.jpg",
        "annotations/train2017/a_labelTrainIds.png", (170, 170), 255,
    ),
    # The published PNGs: COCO's ids less one, with gaps.
    "coco-stuff-164k raw": (
        "val", "coco_stuff164k", "images/val2017/a.jpg", "annotations/val2017/a.png",
        (181, 170), 255,
    ),
    "pascal-context-59": (
        "train", "VOCdevkit/VOC2010", "JPEGImages/a.jpg", "SegmentationClassContext/a.png",
        (59, 58), 0,
    ),
    "pascal-context-60": (
        "val", "VOCdevkit/VOC2010", "JPEGImages/a.jpg", "SegmentationClassContext/a.png",
        (59, 59), 255,
    ),
    "cityscapes": (
        "train", "cityscapes", "leftImg8bit/train/bonn/bonn_0_0_leftImg8bit.png",
        "gtFine/train/bonn/bonn_0_0_gtFine_labelTrainIds.png", (18, 18), 255,
    ),
    "cityscapes raw": (
        "val", "cityscapes", "leftImg8bit/val/ulm/ulm_0_0_leftImg8bit.png",
        "gtFine/val/ulm/ulm_0_0_gtFine_labelIds.png", (33, 18), 0,
    ),
    "camvid": ("test", "", "images/test/a.jpg", "annotations/test/a.png", (10, 10), 11),
}  # fmt: skip


def write(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture(params=CASES)
def tree(request, tmp_path):
    """A data set of one picture, below a folder of its own as its archive unpacks."""
    split, folder, picture, labels, (value, train_id), ignored = CASES[request.param]
    base = tmp_path / folder
    write(base / picture, Image.new("RGB", (6, 4)))
    write(base / labels, Image.fromarray(np.array([[value, ignored, 255]], np.uint8)))
    listing = base / f"ImageSets/SegmentationContext/{split}.txt"
    if "pascal" in request.param:
        listing.parent.mkdir(parents=True)
        listing.write_text("a\n")
    return request.param.split()[0], split, tmp_path, base, base / labels, train_id


def test_every_data_set_is_covered():
    assert {name.split()[0] for name in CASES} | {"folder"} == set(DATASET_KEYS)


def test_pairs_are_found_below_the_root_and_the_folder_above_it(tree):
    key, split, above, base, labels, train_id = tree
    for root in (above, base):
        dataset = open_dataset(key, root)
        found = dataset.split(split)
        assert [pair.labels for pair in found.pairs] == [labels]
        assert found.pairs[0].picture.is_file()
        ids = open_labels(labels, found.table, dataset.classes).ids
        assert ids.tolist() == [[train_id, IGNORED, IGNORED]]


def test_a_picture_without_labels_is_named_with_the_file_it_lacks(tree):
    key, split, root, _, labels, _ = tree
    # Another picture with labels of the same form keeps the form what it is.
    labels.rename(labels.with_name(labels.name.replace("a", "z", 1)))
    with pytest.raises(TopformerError) as caught:
        open_dataset(key, root).split(split)
    assert "has no labels" in caught.value.what
    assert "does not exist" in caught.value.why


def test_a_folder_of_another_layout_says_what_was_looked_for(tree, tmp_path_factory):
    key, split, *_ = tree
    with pytest.raises(TopformerError) as caught:
        open_dataset(key, tmp_path_factory.mktemp("empty")).split(split)
    assert "is not laid out as this data set is" in caught.value.what


def make_folder(root: Path, *names: str) -> Path:
    (root / "classes.json").write_text('{"classes": ["sky", "road"]}')
    for name in names:
        write(root / "images" / "train" / name, Image.new("RGB", (6, 4)))
        stem = Path(name).stem
        write(root / "annotations" / "train" / f"{stem}.png", Image.new("L", (6, 4)))
    return root


def test_pairs_are_sorted_and_hidden_files_left_out(tmp_path):
    root = make_folder(tmp_path, "b.png", "a.JPG", "c.jpeg")
    write(root / "images" / "train" / ".d.png", Image.new("RGB", (6, 4)))
    (root / "images" / "train" / "notes.txt").write_text("no picture")
    found = open_dataset("folder", root).split("train")
    assert [pair.picture.name for pair in found.pairs] == ["a.JPG", "b.png", "c.jpeg"]


def test_labels_without_a_picture_are_named(tmp_path):
    root = make_folder(tmp_path, "a.jpg")
    write(root / "annotations" / "train" / "b.png", Image.new("L", (6, 4)))
    with pytest.raises(TopformerError, match=r"b\.png belongs to no picture"):
        open_dataset("folder", root).split("train")


def test_two_pictures_of_one_name_are_refused(tmp_path):
    root = make_folder(tmp_path, "a.jpg", "a.png")
    with pytest.raises(TopformerError, match="would share one label file"):
        open_dataset("folder", root).split("train")


def test_an_empty_folder_is_told(tmp_path):
    root = make_folder(tmp_path)
    for kind in ("images", "annotations"):
        (root / kind / "train").mkdir(parents=True)
    with pytest.raises(TopformerError, match="no pictures") as caught:
        open_dataset("folder", root).split("train")
    assert "right there" in caught.value.next_step


def test_a_list_cannot_lead_out_of_the_data_set(tmp_path):
    base = tmp_path / "VOCdevkit" / "VOC2010"
    write(base / "JPEGImages" / "a.jpg", Image.new("RGB", (6, 4)))
    (base / "SegmentationClassContext").mkdir()
    listing = base / "ImageSets/SegmentationContext/train.txt"
    listing.parent.mkdir(parents=True)
    write(tmp_path / "outside.jpg", Image.new("RGB", (6, 4)))
    listing.write_text("../../../outside\n")
    with pytest.raises(TopformerError, match="names a picture that is not there"):
        open_dataset("pascal-context-59", tmp_path).split("train")


def test_a_list_is_read_with_a_byte_order_mark_and_names_of_any_script(tmp_path):
    write(tmp_path / "JPEGImages" / "\u5929.jpg", Image.new("RGB", (6, 4)))
    write(tmp_path / "SegmentationClassContext" / "\u5929.png", Image.new("L", (6, 4)))
    listing = tmp_path / "ImageSets/SegmentationContext/train.txt"
    listing.parent.mkdir(parents=True)
    listing.write_bytes("\u5929\r\n".encode("utf-8-sig"))
    found = open_dataset("pascal-context-59", tmp_path).split("train")
    assert [pair.picture.name for pair in found.pairs] == ["\u5929.jpg"]
    listing.write_bytes("\u5929\r\n".encode("utf-16"))
    with pytest.raises(TopformerError, match="is not UTF-8"):
        open_dataset("pascal-context-59", tmp_path).split("train")


def test_an_empty_list_is_told_and_does_not_stand_for_all_pictures(tmp_path):
    write(tmp_path / "JPEGImages" / "a.jpg", Image.new("RGB", (6, 4)))
    write(tmp_path / "SegmentationClassContext" / "a.png", Image.new("L", (6, 4)))
    listing = tmp_path / "ImageSets/SegmentationContext/train.txt"
    listing.parent.mkdir(parents=True)
    listing.write_text("\n")
    with pytest.raises(TopformerError, match="names no pictures"):
        open_dataset("pascal-context-59", tmp_path).split("train")


@pytest.mark.parametrize(
    ("key", "split", "said"),
    [("nope", "train", "no data set called"), ("ade20k", "test", "no split called 'test'")],
)
def test_unknown_names_are_wrong_usage_and_list_the_known_ones(tmp_path, key, split, said):
    with pytest.raises(UsageError) as caught:
        open_dataset(key, tmp_path).split(split)
    assert said in caught.value.what
    assert "Choose one of" in caught.value.next_step


def test_a_root_that_does_not_exist_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        open_dataset("ade20k", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("a.jpg", "a.PNG"),
        ("a.jpg", "A.png"),
        ("IMG_1.JPG", "img_1.png"),
        ("\u00fc.jpg", "u\u0308.png"),
        ("stra\u00dfe.jpg", "STRASSE.PNG"),
    ],
)
def test_labels_are_found_in_other_capitals_and_accents(tmp_path, picture, labels):
    root = make_folder(tmp_path, "other.jpg")
    write(root / "images" / "train" / picture, Image.new("RGB", (6, 4)))
    write(root / "annotations" / "train" / labels, Image.new("L", (6, 4)))
    found = open_dataset("folder", root).split("train")
    assert [pair.labels.name for pair in found.renamed] == [labels]
    assert len(found.pairs) == 2
    assert {pair.picture.name: pair.labels.name for pair in found.pairs}[picture] == labels


def test_pictures_are_found_in_other_capitals(tmp_path):
    write(tmp_path / "JPEGImages" / "A_1.JPG", Image.new("RGB", (6, 4)))
    write(tmp_path / "SegmentationClassContext" / "a_1.png", Image.new("L", (6, 4)))
    listing = tmp_path / "ImageSets/SegmentationContext/train.txt"
    listing.parent.mkdir(parents=True)
    listing.write_text("a_1\n")
    found = open_dataset("pascal-context-59", tmp_path).split("train")
    assert [pair.picture.name for pair in found.pairs] == ["A_1.JPG"]
    city = tmp_path / "city"
    write(city / "leftImg8bit/val/ulm/u_LeftImg8bit.PNG", Image.new("RGB", (6, 4)))
    write(city / "gtFine/val/ulm/u_gtFine_labelIds.png", Image.new("L", (6, 4), 7))
    assert len(open_dataset("cityscapes", city).split("val").pairs) == 1


@pytest.mark.parametrize("moved", ["Annotations", "annotations/Train", "IMAGES"])
def test_folders_in_other_capitals_are_named(tmp_path, moved):
    root = make_folder(tmp_path, "a.jpg")
    wanted = root / moved.lower()
    wanted.rename(root / moved)
    with pytest.raises(TopformerError, match="is not laid out") as caught:
        open_dataset("folder", root).split("train")
    assert f"{root / moved}" in caught.value.why
    assert "other capitals" in caught.value.why
    assert caught.value.next_step.startswith(f"Rename {root / moved}")


def test_label_forms_are_told_apart_in_other_capitals(tmp_path):
    write(tmp_path / "leftImg8bit/train/ulm/u_leftImg8bit.png", Image.new("RGB", (6, 4)))
    write(tmp_path / "gtFine/train/ulm/u_gtFine_labelids.PNG", Image.new("L", (6, 4), 7))
    found = open_dataset("cityscapes", tmp_path).split("train")
    assert found.table[7] == 0
    assert len(found.renamed) == 1


def test_the_form_is_chosen_by_all_label_files(tmp_path):
    """Half of them are in the preferred form, too: each second one of those that are listed."""
    whole, half = (
        LabelForm(suffix=suffix, table=label_table(range(3)))
        for suffix in ("_ids.png", "_half.png")
    )
    layout = Layout(splits={"val": "val"}, forms=(half, whole), list_file="{split}.txt")
    stems = [f"{number:03}" for number in range(200)]
    (tmp_path / "val.txt").write_text("\n".join(stems))
    files = [f"images/val/{stem}.jpg" for stem in stems]
    files += [f"annotations/val/{stem}_ids.png" for stem in stems]
    files += [f"annotations/val/{stem}_half.png" for stem in stems[::2]]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    found = find_pairs(layout, tmp_path, "val")
    assert [pair.labels.name for pair in found.pairs] == [f"{stem}_ids.png" for stem in stems]


def test_pictures_that_differ_in_capitals_do_not_share_labels(tmp_path):
    root = make_folder(tmp_path, "a.jpg")
    write(root / "images" / "train" / "A.jpg", Image.new("RGB", (6, 4)))
    with pytest.raises(TopformerError, match=r"A\.jpg has no labels"):
        open_dataset("folder", root).split("train")
    (root / "annotations/train/a.png").rename(root / "annotations/train/a.PNG")
    with pytest.raises(TopformerError, match="has no labels"):
        open_dataset("folder", root).split("train")


def test_labels_in_other_capitals_without_a_picture_are_named(tmp_path):
    root = make_folder(tmp_path, "a.jpg")
    write(root / "annotations" / "train" / "b.PNG", Image.new("L", (6, 4)))
    with pytest.raises(TopformerError, match=r"b\.PNG belongs to no picture"):
        open_dataset("folder", root).split("train")


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        ("{}_mask.png", "`mv p1_mask.png p1.png`"),
        ("{}.jpg.png", "`mv p1.jpg.png p1.png`"),
        ("mask_{}.png", "`mv mask_p1.png p1.png`"),
        ("{}_GT.PNG", "`mv p1_GT.PNG p1.png`"),
        ("{}.jpg", "lossy"),
        ("{}.JPEG", "lossy"),
        ("{}_mask.jpg", "lossy"),
        ("{}.bmp", "with the same values"),
        ("{}.tif", "with the same values"),
        ("{}.json", "have the tool that made these"),
        ("{}.npy", "have the tool that made these"),
    ],
)
def test_labels_of_another_name_or_kind_are_seen_for_what_they_are(tmp_path, labels, advice):
    root = make_folder(tmp_path, "p1.jpg", "p2.jpg", "p12.jpg")
    folder = root / "annotations" / "train"
    for path in list(folder.iterdir()):
        path.rename(folder / labels.format(path.stem))
    with pytest.raises(TopformerError, match=r"p1\.jpg has no labels, and neither") as caught:
        open_dataset("folder", root).split("train")
    assert str(folder / labels.format("p1")) in caught.value.why
    assert "3 files are named so" in caught.value.why
    assert advice in caught.value.next_step


def test_label_files_whose_names_share_a_number_with_the_pictures_are_found(tmp_path):
    root = make_folder(tmp_path, "img_007.jpg", "img_008.jpg", "img_019.jpg")
    folder = root / "annotations" / "train"
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("img", "mask"))
    with pytest.raises(TopformerError) as caught:
        open_dataset("folder", root).split("train")
    assert "mask_007.png is there (3 files are named so)" in caught.value.why


def test_a_label_folder_of_other_files_says_what_it_holds(tmp_path):
    root = make_folder(tmp_path, "a.jpg")
    folder = root / "annotations" / "train"
    (folder / "a.png").unlink()
    with pytest.raises(TopformerError, match="has no labels") as caught:
        open_dataset("folder", root).split("train")
    assert "holds no other files" in caught.value.why
    (folder / "notes.txt").touch()
    with pytest.raises(TopformerError, match="has no labels") as caught:
        open_dataset("folder", root).split("train")
    assert "holds notes.txt" in caught.value.why


def test_pictures_of_kinds_that_are_not_read_are_named(tmp_path):
    root = make_folder(tmp_path, "a.jpg", "b.jpg")
    pictures = root / "images" / "train"
    (pictures / "b.jpg").rename(pictures / "b.heic")
    with pytest.raises(TopformerError, match="belongs to no picture") as caught:
        open_dataset("folder", root).split("train")
    assert "b.heic is of no kind that is read" in caught.value.why
    (pictures / "a.jpg").rename(pictures / "a.heic")
    with pytest.raises(TopformerError, match="no pictures") as caught:
        open_dataset("folder", root).split("train")
    assert "2 .heic" in caught.value.why
