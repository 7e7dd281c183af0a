import math

import numpy as np
import pytest

from support.evaluation_fakes import write_folder
from topformer.classes import dataset_classes
from topformer.data import open_dataset
from topformer.errors import TopformerError, UsageError
from topformer.evaluation.confusion import count, scores_of
from topformer.evaluation.scored_model import differing_names, open_scored_model
from topformer.evaluation.scoring import picture_miou, score_split, show_pair
from topformer.manifest import Classes
from topformer.model import create_model
from topformer.weights import save_weights

SHAPE = (12, 10)


def red_as_labels(picture):
    """The right answer of a picture from `write_folder`; 0 where nothing counts."""
    return np.where(picture[..., 0] == 255, 0, picture[..., 0])


def always_sky(picture):
    return np.zeros(picture.shape[:2], np.uint8)


@pytest.fixture
def labels():
    halves = np.zeros(SHAPE, np.uint8)
    halves[:6] = 1
    mostly_sky = np.zeros(SHAPE, np.uint8)
    mostly_sky[0, :3] = 2
    mostly_sky[1] = 255
    return {
        "a_halves": halves,
        "b_sky": np.zeros(SHAPE, np.uint8),
        "c_mostly": mostly_sky,
        "d_void": np.full(SHAPE, 255, np.uint8),
    }


@pytest.fixture
def dataset(labels, tmp_path):
    return open_dataset("folder", write_folder(tmp_path / "set", labels))


def test_a_split_is_counted_as_one(dataset, labels):
    found = dataset.split("val")
    steps = []
    scored = score_split(
        always_sky, found, dataset.classes, progress=lambda *step: steps.append(step)
    )
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    everything = np.concatenate(list(labels.values()))
    expected = count(everything, np.zeros_like(everything), 3)
    np.testing.assert_array_equal(scored.counts, expected)
    assert scored.scores.miou == scores_of(expected).miou
    assert scored.scores.pixel_accuracy == pytest.approx((60 + 120 + 107) / (120 + 120 + 110))


def test_each_picture_has_its_own_scores(dataset):
    scored = score_split(always_sky, dataset.split("val"), dataset.classes)
    halves, sky, mostly, void = scored.pictures
    assert halves.miou == pytest.approx((60 / 120 + 0) / 2)
    assert halves.pixel_accuracy == 0.5
    assert sky.miou == sky.pixel_accuracy == 1
    assert mostly.miou == pytest.approx((107 / 110 + 0) / 2)
    assert math.isnan(void.miou)
    assert math.isnan(void.pixel_accuracy)


def test_the_worst_come_first_and_those_without_a_score_never(dataset):
    scored = score_split(always_sky, dataset.split("val"), dataset.classes)
    worst = [score.pair.picture.stem for score in scored.worst(9)]
    assert worst == ["a_halves", "c_mostly", "b_sky"]
    assert [score.pair.picture.stem for score in scored.worst(1)] == ["a_halves"]


def test_a_perfect_answer(dataset):
    scored = score_split(red_as_labels, dataset.split("val"), dataset.classes)
    assert scored.scores.miou == scored.scores.mean_accuracy == scored.scores.pixel_accuracy == 1


def test_a_stray_pixel_of_an_absent_class_does_not_decide_a_pictures_score():
    counts = np.array([[99, 1], [0, 0]])
    assert scores_of(counts).miou == pytest.approx(0.495)
    assert picture_miou(counts) == pytest.approx(0.99)


def test_a_segmented_picture_carries_what_is_drawn(dataset, labels):
    found = dataset.split("val")
    one = show_pair(found.pairs[0], found, dataset.classes, always_sky)
    assert one.name == "a_halves.png"
    np.testing.assert_array_equal(one.truth, labels["a_halves"])
    np.testing.assert_array_equal(one.picture[..., 0], labels["a_halves"])
    assert not one.predicted.any()


def test_a_picture_that_cannot_be_read_ends_it(dataset):
    found = dataset.split("val")
    broken = found.pairs[2].picture
    broken.write_bytes(broken.read_bytes()[:50])
    steps = []
    with pytest.raises(TopformerError, match="c_mostly"):
        score_split(always_sky, found, dataset.classes, progress=lambda *step: steps.append(step))
    assert len(steps) == 2


def write_checkpoint(path, classes: Classes, **stated):
    model = create_model("tiny", len(classes.names))
    save_weights(path, model, classes=classes, name="-", licence="-", source="-", **stated)
    return path


def test_a_checkpoint_is_whole_unless_given_a_size(dataset, tmp_path):
    checkpoint = write_checkpoint(tmp_path / "one.safetensors", dataset.classes)
    whole = open_scored_model(checkpoint, dataset)
    assert whole.protocol.name == "whole"
    assert whole.protocol.scale == dataset.scale
    fixed = open_scored_model(checkpoint, dataset, image_size=(64, 96))
    assert fixed.protocol.name == "fixed"
    assert fixed.protocol.image_size == (64, 96)


def test_a_checkpoint_that_learnt_from_stretched_pictures_is_scored_on_them(dataset, tmp_path):
    checkpoint = write_checkpoint(tmp_path / "one", dataset.classes, sample_size=(96, 64))
    protocols = [
        open_scored_model(checkpoint, dataset, **asked).protocol
        for asked in ({}, {"image_size": (64, 64)}, {"whole": True})
    ]
    assert [one.image_size for one in protocols] == [(96, 64), (64, 64), None]
    assert protocols[2].scale == dataset.scale


def test_another_number_of_classes_is_refused(dataset, tmp_path):
    checkpoint = write_checkpoint(tmp_path / "one.safetensors", dataset_classes("camvid"))
    with pytest.raises(TopformerError) as refused:
        open_scored_model(checkpoint, dataset)
    assert not isinstance(refused.value, UsageError)
    for part in ("11", "CamVid", "3", dataset.classes.dataset):
        assert part in refused.value.why
    assert "data set" in refused.value.next_step


def test_names_are_compared_one_by_one():
    def classes(*names):
        return Classes(dataset="-", names=names, palette=((0, 0, 0),) * len(names))

    assert differing_names(classes("a", "b", "c"), classes("a", "c", "b")) == (1, 2)
    assert differing_names(classes("a"), classes("a")) == ()
