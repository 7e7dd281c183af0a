"""Batches of pictures with differently many boxes, whoever reads them."""

import pytest
import torch

from support.training_fakes import make_box_folder
from topformer.data import open_box_dataset
from topformer.data.loading import training_batches
from topformer.data.samples import BoxedSamples
from topformer.data.transforms import Augmentation

# At ratios of their own, samples of a batch differ in size.
AUGMENTATION = Augmentation(
    scale=(160, 128),
    ratio_range=(0.6, 1.4),
    crop=(192, 192),
    cat_max_ratio=0.75,
    flip_probability=0.5,
    photometric=True,
)


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    root = make_box_folder(tmp_path_factory.mktemp("boxes"))
    return open_box_dataset("coco-folder", root).split("train")


def batches(split, *, first=0, workers=0, positions=range(4)):
    return list(
        training_batches(
            BoxedSamples(split, AUGMENTATION),
            first_step=first,
            end_step=4,
            batch=4,
            positions=positions,
            seed=3,
            workers=workers,
        )
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_a_function_of_the_step_alone(split, workers):
    whole = batches(split)
    again = batches(split, first=2, workers=workers)
    for one, other in zip(whole[2:], again, strict=True):
        assert torch.equal(one.pictures, other.pictures)
        assert torch.equal(one.truth, other.truth)
        assert one.sources == other.sources


def test_samples_do_not_depend_on_who_shares_the_batch(split):
    whole = batches(split)
    for number, alone in enumerate(batches(split, positions=range(3, 4))):
        height, width = alone.pictures.shape[2:]
        found = whole[number].pictures[3]
        assert torch.equal(found[:, :height, :width], alone.pictures[0])
        assert not found[:, height:].any()
        assert not found[:, :, width:].any()
        rows = whole[number].truth[3]
        assert torch.equal(rows[: alone.truth.shape[1]], alone.truth[0])
        assert (rows[alone.truth.shape[1] :] == -1).all()


def test_crowds_are_left_out_and_pictures_without_boxes_are_in(split):
    seen = {}
    for batch in batches(split):
        assert batch.truth.dtype == torch.float32
        for source, rows in zip(batch.sources, batch.truth, strict=True):
            seen[source.name] = sorted(rows[rows[:, 4] >= 0, 4].tolist())
    # Categories 3 and 7 are classes 0 and 1.
    assert seen == {"1.png": [0.0], "2.png": [1.0], "5.png": []}
    assert any(len(set(batch.sources)) > 1 for batch in batches(split))
