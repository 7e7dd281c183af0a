"""Batches are a function of the step, whoever reads them and wherever reading begins."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from topformer.data import open_dataset
from topformer.data.loading import (
    read_pair,
    slot_at,
    training_batches,
    usual_picture_size,
)
from topformer.data.transforms import Augmentation
from topformer.errors import TopformerError

AUGMENTATION = Augmentation(
    scale=(128, 64),
    ratio_range=(0.5, 2.0),
    crop=(64, 64),
    cat_max_ratio=0.75,
    flip_probability=0.5,
    photometric=True,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("folder")
    (root / "classes.json").write_text(json.dumps({"classes": ["a", "b"]}))
    rng = np.random.default_rng(0)
    for kind in ("images", "annotations"):
        (root / kind / "train").mkdir(parents=True)
    for number in range(5):
        picture = rng.integers(0, 256, (70, 90, 3)).astype(np.uint8)
        labels = rng.integers(0, 2, (70, 90)).astype(np.uint8)
        Image.fromarray(picture).save(root / "images" / "train" / f"{number}.png")
        Image.fromarray(labels).save(root / "annotations" / "train" / f"{number}.png")
    return open_dataset("folder", root)


def batches(
    dataset, *, first=0, end=6, positions=range(4), workers=0, seed=3, augmentation=AUGMENTATION
):
    return list(
        training_batches(
            dataset.split("train"),
            dataset.classes,
            augmentation,
            first_step=first,
            end_step=end,
            batch=4,
            positions=positions,
            seed=seed,
            workers=workers,
        )
    )


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.pictures, other.pictures)
        assert torch.equal(one.labels, other.labels)
        assert one.sources == other.sources


MIXED = replace(AUGMENTATION, class_mix=0.5, degradation=0.5, stretch=True)


@pytest.mark.parametrize("augmentation", [AUGMENTATION, MIXED])
def test_reading_processes_change_nothing(dataset, augmentation):
    assert_same(
        batches(dataset, workers=2, augmentation=augmentation),
        batches(dataset, augmentation=augmentation),
    )


def test_pasted_classes_come_from_other_pictures(dataset):
    pasted = batches(dataset, augmentation=replace(AUGMENTATION, class_mix=1.0))
    for one, other in zip(pasted, batches(dataset), strict=True):
        assert one.sources == other.sources
        changed = [not torch.equal(a, b) for a, b in zip(one.pictures, other.pictures, strict=True)]
        assert all(changed)


def test_the_usual_size_is_that_of_the_middle_picture(dataset):
    assert usual_picture_size(dataset.split("train")) == (70, 90)


def test_beginning_at_a_later_step_gives_the_rest(dataset):
    assert_same(batches(dataset, first=2), batches(dataset)[2:])


def test_two_processes_share_a_batch(dataset):
    whole = batches(dataset)
    first = batches(dataset, positions=range(2))
    second = batches(dataset, positions=range(2, 4))
    for one, two, both in zip(first, second, whole, strict=True):
        assert torch.equal(torch.cat([one.pictures, two.pictures]), both.pictures)
        assert one.sources + two.sources == both.sources


def test_another_seed_gives_other_batches(dataset):
    assert not torch.equal(batches(dataset, seed=4)[0].pictures, batches(dataset)[0].pictures)


def test_every_picture_is_seen_once_a_pass():
    pairs = [slot_at(n // 4, n % 4, pairs=7, batch=4, seed=1).pair for n in range(28)]
    for start in range(0, 28, 7):
        assert sorted(pairs[start : start + 7]) == list(range(7))
    assert pairs[:7] != pairs[7:14]


def test_labels_of_another_size_are_refused_by_name(dataset, tmp_path):
    found = dataset.split("train")
    pair = found.pairs[0]
    Image.new("L", (91, 70)).save(tmp_path / "other.png")
    from topformer.data import Pair

    with pytest.raises(TopformerError) as caught:
        read_pair(Pair(picture=pair.picture, labels=tmp_path / "other.png"), found, dataset.classes)
    assert "is not of its picture's size" in caught.value.what
    assert "91x70" in caught.value.why


def test_a_file_that_broke_meanwhile_is_named_also_from_a_reading_process(dataset, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(dataset.root, copy)
    for path in (copy / "annotations" / "train").iterdir():
        Image.new("L", (90, 70), 9).save(path)
    for workers in (0, 1):
        with pytest.raises(TopformerError, match="out of range: 9") as caught:
            batches(open_dataset("folder", copy), workers=workers)
        # As it was raised, not as the text of a traceback.
        assert "Traceback" not in str(caught.value)
        assert "classes" in caught.value.why
        assert "--dataset" in caught.value.next_step


def test_the_order_is_that_of_the_seed_and_pass_and_stays_so():
    """Runs that were begun go on in this order: it must never change."""
    seen = [slot_at(0, position, pairs=5, batch=10, seed=3).pair for position in range(10)]
    again = np.random.default_rng((3, 2**31, 0)).permutation(5).tolist()
    assert seen == again + np.random.default_rng((3, 2**31, 1)).permutation(5).tolist()


def test_the_loader_pins_batches_by_their_own_method(dataset, monkeypatch):
    from torch.utils.data._utils.pin_memory import pin_memory

    batch = batches(dataset, end=1)[0]
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 1)
    pinned = pin_memory(batch)
    assert torch.equal(pinned.labels, batch.labels + 1)
    assert pinned.sources == batch.sources
