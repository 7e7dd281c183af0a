"""Of label maps: cross-entropy on logits enlarged to the labels, and what may be added."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from topformer.data.label_files import IGNORED
from topformer.training.recipe import Recipe


def taught_loss(logits: Tensor, labels: Tensor, taught: Tensor | None, recipe: Recipe) -> Tensor:
    """Return the loss by the labels, and by a teacher's logits where there are any: -> []."""
    loss = segmentation_loss(logits, labels, recipe)
    if taught is None:
        return loss
    divergence = distillation_loss(logits, taught, recipe.distill_temperature, recipe.class_weights)
    return loss + recipe.distill_weight * divergence


def segmentation_loss(logits: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Mean cross-entropy over ALL pixels, ignored ones included: [b, c, h/8, w/8], [b, h, w] -> [].

    Dividing by all pixels, and not by the labelled ones, is what the published training does: a
    crop with little in it moves the weights little.
    """
    # Contiguous, since the matrix products of `enlarge` need each map's rows side by side.
    logits = _wide(logits).contiguous()
    loss = _cross_entropy(enlarge(logits, labels), labels, recipe)
    if recipe.iou_weight:
        # Every second pixel each way tells nearly as much, at a quarter of the cost.
        thinned = enlarge(logits, labels, every=2), labels[:, ::2, ::2]
        loss = loss + recipe.iou_weight * iou_loss(*thinned)
    return loss


def enlarge(logits: Tensor, labels: Tensor, *, every: int = 1) -> Tensor:
    """Bilinear logits at every n-th pixel of the labels: [b, c, h, w], [b, H, W] -> [b, c, H', W'].

    As `interpolate` with align_corners False makes them, by two matrix products: on a CPU these
    take half its time, most of all backwards.
    """
    rows = _weights(logits.shape[2], labels.shape[1])[::every].to(logits)
    columns = _weights(logits.shape[3], labels.shape[2])[::every].to(logits)
    return rows @ (logits @ columns.T)


@lru_cache(maxsize=16)
def _weights(small: int, large: int) -> Tensor:
    """What each of `large` places takes from each of `small` ones: [large, small]."""
    places = torch.eye(small)[None]
    return functional.interpolate(places, large, mode="linear", align_corners=False)[0].T


def _cross_entropy(enlarged: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Sum of the pixels' losses over the number of all pixels: [b, c, h, w], [b, h, w] -> []."""
    if recipe.ohem_threshold == 0.0:
        weight = enlarged.new_tensor(recipe.class_weights) if recipe.class_weights else None
        total = functional.cross_entropy(
            enlarged,
            labels,
            weight,
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=recipe.label_smoothing,
        )
        return total / labels.numel()
    losses = functional.cross_entropy(
        enlarged,
        labels,
        ignore_index=IGNORED,
        reduction="none",
        label_smoothing=recipe.label_smoothing,
    )
    return (losses * _hard_pixels(enlarged.detach(), labels, recipe)).sum() / labels.numel()


def iou_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - soft IoU, averaged over the classes in the batch: [b, c, h, w], [b, h, w] -> [].

    Probabilities stand for the prediction, and sums over the batch for pixel counts. Every class
    weighs the same, however few pixels it has; ignored pixels do not count. Source: Rahman and
    Wang, "Optimizing intersection-over-union in deep neural networks for image segmentation", 2016.
    """
    classes = logits.shape[1]
    valid = labels != IGNORED
    probabilities = logits.softmax(1) * valid[:, None]
    own_labels = labels.where(valid, torch.zeros_like(labels))
    own = probabilities.gather(1, own_labels[:, None])[:, 0]
    hits = own.new_zeros(classes).index_add(0, own_labels.reshape(-1), own.reshape(-1))
    truth = torch.bincount(labels[valid], minlength=classes).to(own.dtype)
    present = truth > 0
    if not bool(present.any()):
        return hits.sum()  # zero, and with a gradient of zero
    union = truth + probabilities.sum((0, 2, 3)) - hits
    return 1.0 - (hits[present] / union[present]).mean()


def _hard_pixels(logits: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Mask of the pixels that count with OHEM: bool [b, h, w].

    Those whose own class has at most the threshold's probability, and in any case the hardest
    `ohem_min_pixels` a picture. Source: mmseg 0.19, OHEMPixelSampler.
    """
    valid = labels != IGNORED
    own = labels.where(valid, torch.zeros_like(labels))[:, None]
    probability = logits.softmax(1).gather(1, own)[:, 0][valid]
    if not len(probability):
        return valid
    kept = min(recipe.ohem_min_pixels * len(labels), len(probability))
    hardest = probability.kthvalue(kept).values if kept else probability.new_tensor(0.0)
    mask = torch.zeros_like(valid)
    mask[valid] = probability <= hardest.clamp_min(recipe.ohem_threshold)
    return mask


def distillation_loss(
    student: Tensor, teacher: Tensor, temperature: float, class_weights: Sequence[float] = ()
) -> Tensor:
    """Divergence of the student's classes from the teacher's: [b, c, h, w], [b, c, H, W] -> [].

    T^2 KL(teacher || student) of the distributions softened by T, averaged over the student's
    positions. Each counts by the weights of the classes that the teacher finds there: else what is
    rare is unlearnt where the teacher is less sure of it than the labels are. Source: Hinton et
    al., arXiv 1503.02531, section 2; the weights are this project's.
    """
    teacher = functional.interpolate(
        _wide(teacher), student.shape[2:], mode="bilinear", align_corners=False, antialias=True
    )
    wanted = (teacher / temperature).log_softmax(1)
    found = (_wide(student) / temperature).log_softmax(1)
    divergence = functional.kl_div(found, wanted, reduction="none", log_target=True).sum(1)
    if class_weights:
        per_class = teacher.new_tensor(class_weights)[:, None, None]
        weights = (teacher.softmax(1) * per_class).sum(1)
        divergence = divergence * weights / weights.mean().clamp_min(1e-6)
    return divergence.mean() * temperature**2


def _wide(logits: Tensor) -> Tensor:
    """At least float32: sums over a whole batch lose too much in half precision."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
