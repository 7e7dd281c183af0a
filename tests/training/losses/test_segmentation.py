"""The loss against the official step's, and what may be added to it against the naive way."""

import pytest
import torch
from torch.nn import functional

from support.golden_step import golden_step
from support.training_fakes import small_recipe
from topformer.training.losses import segmentation
from topformer.training.losses.segmentation import (
    distillation_loss,
    iou_loss,
    segmentation_loss,
    taught_loss,
)


def test_the_loss_of_the_official_step(golden):
    model, x, labels = golden_step(golden)
    loss = segmentation_loss(model(x), labels, small_recipe())
    assert loss.item() == pytest.approx(golden["fixture"]["train_step"]["loss"], rel=1e-9)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 6, generator=generator, requires_grad=True)
    labels = torch.randint(0, 4, (2, 40, 48), generator=generator)
    labels[0, :10] = 255
    return logits, labels


def enlarged(logits, labels):
    return functional.interpolate(
        logits, labels.shape[1:], mode="bilinear", align_corners=False
    ).detach()


@pytest.mark.parametrize("size", [(40, 48), (33, 50), (7, 6), (4, 90)])
@pytest.mark.parametrize("every", [1, 2])
def test_logits_are_enlarged_as_interpolate_does(size, every):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 5, 6, generator=generator, requires_grad=True)
    pull = torch.randn(2, 3, *size, generator=generator)[:, :, ::every, ::every]
    wanted = functional.interpolate(logits, size, mode="bilinear", align_corners=False)
    wanted = wanted[:, :, ::every, ::every]
    found = segmentation.enlarge(logits, torch.zeros(2, *size), every=every)
    gradients = [torch.autograd.grad((one * pull).sum(), logits)[0] for one in (wanted, found)]
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-5, atol=1e-4)


def test_ignored_pixels_count_in_the_denominator_only(batch):
    logits, labels = batch
    probabilities = enlarged(logits, labels).log_softmax(1)
    total = sum(
        -probabilities[b, labels[b, y, x], y, x].item()
        for b in range(2)
        for y in range(40)
        for x in range(48)
        if labels[b, y, x] != 255
    )
    assert segmentation_loss(logits, labels, small_recipe()).item() == pytest.approx(
        total / labels.numel(), rel=1e-5
    )


def test_a_batch_without_any_label_has_no_loss_and_no_gradient(batch):
    logits, labels = batch
    for recipe in (small_recipe(), small_recipe(ohem_threshold=0.7), small_recipe(iou_weight=1.0)):
        loss = segmentation_loss(logits, torch.full_like(labels, 255), recipe)
        (gradient,) = torch.autograd.grad(loss, logits, allow_unused=True, materialize_grads=True)
        assert loss.item() == 0.0
        assert not gradient.any()


def test_class_weights_multiply_each_pixels_loss(batch):
    logits, labels = batch
    weights = (0.5, 1.0, 2.0, 0.0)
    plain = functional.cross_entropy(
        enlarged(logits, labels), labels, ignore_index=255, reduction="none"
    )
    factor = torch.tensor([*weights, *[0.0] * 252])[labels]
    found = segmentation_loss(logits, labels, small_recipe(class_weights=weights))
    assert found.item() == pytest.approx((plain * factor).mean().item(), rel=1e-5)


@pytest.mark.parametrize(("threshold", "least"), [(0.2, 0), (0.2, 500), (0.9, 10), (0.01, 3)])
def test_ohem_keeps_the_hard_pixels_and_at_least_so_many(batch, threshold, least):
    logits, labels = batch
    big = enlarged(logits, labels)
    losses = functional.cross_entropy(big, labels, ignore_index=255, reduction="none")
    probability = torch.exp(-losses)[labels != 255]
    bound = max(threshold, probability.sort().values[2 * least - 1].item() if least else 0.0)
    kept = losses[labels != 255][probability <= bound + 1e-7]
    assert len(kept) >= 2 * least
    recipe = small_recipe(ohem_threshold=threshold, ohem_min_pixels=least)
    found = segmentation_loss(logits, labels, recipe).item()
    assert found == pytest.approx(kept.sum().item() / labels.numel(), rel=1e-4, abs=1e-7)


def test_label_smoothing_pulls_towards_all_classes(batch):
    logits, labels = batch
    logp = enlarged(logits, labels).log_softmax(1)
    own = logp.gather(1, labels.clamp_max(3)[:, None])[:, 0]
    smooth = -(0.9 * own + 0.1 * logp.mean(1))
    expected = smooth[labels != 255].sum() / labels.numel()
    found = segmentation_loss(logits, labels, small_recipe(label_smoothing=0.1))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_half_precision_logits_are_summed_in_float32(batch):
    logits, labels = batch
    loss = segmentation_loss(logits.bfloat16(), labels, small_recipe())
    assert loss.dtype == torch.float32


def test_distillation_is_nothing_between_equals_and_more_between_others(batch):
    logits, _ = batch
    assert distillation_loss(logits, logits.detach(), 2.0).item() == pytest.approx(0.0, abs=1e-6)
    assert distillation_loss(logits, logits.flip(1).detach(), 2.0).item() > 0.1
    # An added constant changes no distribution.
    assert distillation_loss(logits + 5.0, logits.detach(), 2.0).item() == pytest.approx(
        0.0, abs=1e-5
    )


def test_class_weights_count_where_the_teacher_finds_the_class(batch):
    logits, _ = batch
    sure = torch.full_like(logits, -40.0)
    sure[:, 0] = 40.0
    sure[:, :, 0] = sure.roll(2, 1)[:, :, 0]  # the first row: class 2
    rows = [
        distillation_loss(logits[:, :, rows], sure[:, :, rows], 1.0).item()
        for rows in (slice(0, 1), slice(1, None))
    ]
    others = logits.shape[2] - 1
    expected = (5.0 * rows[0] + 0.5 * others * rows[1]) / (5.0 + 0.5 * others)
    weighted = distillation_loss(logits, sure, 1.0, (0.5, 1.0, 5.0, 1.0))
    assert weighted.item() == pytest.approx(expected, rel=1e-4)
    alike = [distillation_loss(logits, sure, 1.0, w).item() for w in ((), (3.0,) * 4)]
    assert alike[0] == pytest.approx(alike[1], rel=1e-5)
    # A class without weight, and nothing else: nothing to learn, and no division by nothing.
    assert distillation_loss(logits, sure, 1.0, (0.0, 1.0, 0.0, 1.0)).item() == pytest.approx(0.0)


def test_what_is_taught_counts_by_the_recipe(batch):
    logits, labels = batch
    weights = (0.5, 1.0, 5.0, 1.0)
    recipe = small_recipe(class_weights=weights, distill_weight=3.0, distill_temperature=1.5)
    taught = logits.detach().flip(1)
    expected = segmentation_loss(logits, labels, recipe)
    assert taught_loss(logits, labels, None, recipe).item() == expected.item()
    expected = expected + 3.0 * distillation_loss(logits, taught, 1.5, weights)
    assert taught_loss(logits, labels, taught, recipe).item() == pytest.approx(expected.item())


def test_a_teacher_may_tell_more_or_fewer_places_apart(batch):
    logits, _labels = batch
    one = torch.tensor([1.0, -2.0, 0.5, 0.0])[None, :, None, None]
    losses = [
        distillation_loss(logits, one.expand(2, 4, *size), 2.0).item()
        for size in ((5, 6), (20, 24), (2, 3))
    ]
    assert losses == pytest.approx(losses[:1] * 3)
    # None of a finer teacher's places is passed over.
    finer = one.expand(2, 4, 20, 24)
    for place in range(24):
        changed = finer.clone()
        changed[:, 0, 7, place] += 5.0
        assert distillation_loss(logits, changed, 2.0).item() != pytest.approx(losses[0], rel=1e-4)


def test_the_iou_loss_is_that_of_a_naive_count(batch):
    logits, labels = batch
    big = enlarged(logits, labels)
    probabilities = big.softmax(1)
    ious = []
    for number in range(4):
        truth, counted = labels == number, labels != 255
        hits = (probabilities[:, number] * truth).sum().item()
        predicted = (probabilities[:, number] * counted).sum().item()
        ious.append(hits / (truth.sum().item() + predicted - hits))
    assert iou_loss(big, labels).item() == pytest.approx(1 - sum(ious) / 4, rel=1e-4)


def test_the_iou_loss_is_nothing_when_all_is_right_and_one_when_all_is_wrong():
    labels = torch.tensor([[[0, 1], [255, 1]]])
    right = functional.one_hot(labels.clamp_max(1), 3).permute(0, 3, 1, 2) * 100.0
    assert iou_loss(right, labels).item() == pytest.approx(0.0, abs=1e-6)
    assert iou_loss(right.roll(1, 1), labels).item() == pytest.approx(1.0, abs=1e-6)


def test_the_iou_loss_is_added_with_its_weight(batch):
    logits, labels = batch
    plain, weighted = (
        segmentation_loss(logits, labels, small_recipe(iou_weight=weight)).item()
        for weight in (0.0, 2.0)
    )
    thinned = iou_loss(enlarged(logits, labels)[:, :, ::2, ::2], labels[:, ::2, ::2])
    assert weighted == pytest.approx(plain + 2.0 * thinned.item(), rel=1e-5)
