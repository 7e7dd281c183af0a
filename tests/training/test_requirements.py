"""Recipes that these data and this machine cannot follow."""

import pytest
import torch

from support.training_fakes import small_recipe
from topformer.classes import numbered_classes
from topformer.errors import UsageError
from topformer.model import create_model
from topformer.training.initialise import NetworkForm
from topformer.training.processes import Place
from topformer.training.requirements import check_batch, check_fits
from topformer.variants import VARIANTS

CPU = Place(rank=0, world_size=1, device=torch.device("cpu"))


def test_recipes_that_cannot_be_followed_are_refused():
    classes = numbered_classes(3)
    check_fits(small_recipe(class_weights=(1.0, 2.0, 3.0)), classes, CPU)
    with pytest.raises(UsageError, match="2 factors for 3 classes"):
        check_fits(small_recipe(class_weights=(1.0, 2.0)), classes, CPU)
    with pytest.raises(UsageError, match="fp16 needs a CUDA device"):
        check_fits(small_recipe(amp="fp16"), classes, CPU)


@pytest.mark.slow
@pytest.mark.parametrize("size", VARIANTS)
@pytest.mark.parametrize(
    ("crop", "batch", "accumulate", "processes", "device", "fits"),
    [
        ((64, 64), 1, 1, 1, "cpu", False),
        ((64, 64), 2, 1, 1, "cpu", True),
        ((64, 65), 1, 1, 1, "cpu", True),
        ((64, 64), 4, 4, 1, "cpu", False),
        ((64, 64), 4, 2, 1, "cpu", True),
        ((64, 64), 2, 1, 2, "cpu", False),
        # Three a process, in parts of two and one.
        ((64, 64), 6, 2, 2, "cpu", False),
        ((128, 64), 6, 2, 2, "cpu", True),
        # Statistics are synchronised on GPUs, where there are several.
        ((64, 64), 2, 1, 2, "cuda", True),
        ((64, 64), 1, 1, 1, "cuda", False),
    ],
)
def test_parts_of_a_single_value_are_refused(
    size, crop, batch, accumulate, processes, device, fits
):
    recipe = small_recipe(crop=crop, batch=batch, accumulate=accumulate)
    place = Place(rank=0, world_size=processes, device=torch.device(device))
    if fits:
        check_batch(NetworkForm(variant=VARIANTS[size]), recipe, place)
    else:
        with pytest.raises(UsageError, match="too little to train on"):
            check_batch(NetworkForm(variant=VARIANTS[size]), recipe, place)


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"ratio_range": (1.0, 1.0)}, True),
        # From 160 to 80, filled up to 96, whose coarsest map has one place.
        ({"ratio_range": (0.5, 1.0)}, False),
        ({"ratio_range": (0.5, 1.0), "batch": 2}, True),
        ({"ratio_range": (1.0, 1.0), "stretch": 0.5, "scale": (320, 64)}, False),
    ],
)
def test_detectors_are_judged_by_the_smallest_sample(changes, fits):
    """Their samples are as large as the crop at most."""
    usual = {"crop": (160, 160), "batch": 1, "stretch": 1.0, "aspect_jitter": 1.0}
    recipe = small_recipe(**usual | changes)
    form = NetworkForm(variant=VARIANTS["tiny"], head="lite")
    if fits:
        check_batch(form, recipe, CPU)
    else:
        with pytest.raises(UsageError, match="too little to train on") as error:
            check_batch(form, recipe, CPU)
        assert "as small as this" in error.value.why


def test_what_is_refused_is_what_torch_cannot_train():
    model = create_model("tiny", 3).train()
    model(torch.zeros(1, 3, 64, 65))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        model(torch.zeros(1, 3, 64, 64))
