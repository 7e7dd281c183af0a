"""What logits mean: labels, how far they agree, and what a manifest keeps of them."""

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn import functional

from topformer.classes import numbered_classes
from topformer.errors import TopformerError
from topformer.manifest import Manifest, ModelInfo, OutputInfo, WeightsInfo
from topformer.preprocess import input_info
from topformer.tasks import GOLDEN_SAMPLES, task_of
from topformer.tasks.segmentation import (
    label_agreement,
    margins_at,
    read_samples,
    top2_margin,
)

floats = st.floats(-1e6, 1e6, width=32)
LOGITS = OutputInfo(meaning="logits", shape=(1, 3, 8, 12), stride=8)
MANIFEST = Manifest(
    model=ModelInfo(variant="tiny", num_classes=3, fused_channels=8, depthwise_head=True),
    weights=WeightsInfo(name="none", sha256="0" * 64, licence="none", source="a test"),
    input=input_info(64, 96),
    outputs=(LOGITS,),
    classes=numbered_classes(3),
)


def spoilt(**changes):
    return msgspec.structs.replace(LOGITS, **changes)


@pytest.mark.parametrize(
    "outputs",
    [
        (LOGITS, LOGITS),
        (spoilt(meaning="boxes"),),
        (spoilt(stride=4),),
        (spoilt(shape=(1, 4, 8, 12)),),
        (spoilt(shape=(2, 3, 8, 12)),),
        (spoilt(shape=(1, 3, 96)),),
        (spoilt(shape=(1, 3, 8, 4097)),),
    ],
)
def test_outputs_that_are_not_segmentations_are_refused(outputs):
    with pytest.raises(TopformerError, match="not those of a segmentation network"):
        task_of(msgspec.structs.replace(MANIFEST, outputs=outputs))


def an_answer():
    logits = np.random.default_rng(0).normal(size=LOGITS.shape).astype(np.float32)
    return task_of(MANIFEST).answer([logits])


def test_what_the_runner_writes_of_labels_is_read():
    task, labels = task_of(MANIFEST), an_answer().result
    assert labels.shape == (64, 96)
    np.testing.assert_array_equal(task.decode(task.encode(labels)), labels)
    for data in (b"", task.encode(labels)[:-1], task.encode(labels) + b"x"):
        with pytest.raises(TopformerError, match="are not 64x96 labels"):
            task.decode(data)


def test_samples_that_are_damaged_are_refused():
    task, answer = task_of(MANIFEST), an_answer()
    samples = task.sample(answer)
    assert task.compare_sampled(samples, answer).result_agreement == 1.0
    for name, data in samples.items():
        for damaged in (samples | {name: data[:-1]}, samples | {"more": b""}):
            with pytest.raises(TopformerError, match="golden samples"):
                task.compare_sampled(damaged, answer)
        with pytest.raises(TopformerError, match="golden samples"):
            task.compare_sampled({key: samples[key] for key in samples if key != name}, answer)


@pytest.mark.parametrize("name", ["logits", "margins"])
def test_samples_that_are_no_numbers_are_refused(name):
    sizes = {"logits": 4, "labels": 2, "margins": 4}
    samples = {one: bytes(size * GOLDEN_SAMPLES) for one, size in sizes.items()}
    read_samples(samples)
    samples[name] = samples[name][4:] + np.array([np.nan], "<f4").tobytes()
    with pytest.raises(TopformerError, match="no numbers"):
        read_samples(samples)


@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
def test_labels_agree_with_themselves(labels):
    assert label_agreement(labels, labels) == 1.0


def test_label_agreement_counts_positions():
    assert label_agreement(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5])) == 0.75


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(2, 6), st.just(3), st.just(2)), elements=floats)
)
def test_top2_margin_is_the_difference_of_the_two_largest(logits):
    ordered = np.sort(logits, axis=0)
    np.testing.assert_array_equal(top2_margin(logits), ordered[-1] - ordered[-2])


def test_one_class_has_no_rival():
    assert np.isinf(top2_margin(np.zeros((1, 2, 2)))).all()


@given(
    seed=st.integers(0, 2**31),
    grid=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    at_once=st.sampled_from([1, 100, 2**18]),
)
@settings(deadline=None)
def test_margins_are_those_of_interpolate_however_many_at_a_time(seed, grid, size, at_once):
    logits = torch.randn(1, 5, *grid, dtype=torch.float64, generator=torch.manual_seed(seed))
    enlarged = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    expected = top2_margin(enlarged.numpy())[0].reshape(-1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("topformer.tasks.segmentation.VALUES_AT_ONCE", at_once)
        found = margins_at(logits.numpy(), size, np.arange(size[0] * size[1]))
    np.testing.assert_allclose(found, expected, atol=1e-12)
