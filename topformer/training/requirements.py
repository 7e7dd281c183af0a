"""What a recipe asks of its data and its machine, tried before a run begins."""

import torch
from torch import Tensor, nn

from topformer.data.box_transforms import smallest_sample
from topformer.errors import UsageError
from topformer.manifest import Classes
from topformer.training.initialise import NetworkForm
from topformer.training.processes import Place
from topformer.training.recipe import Recipe, augmentation_of
from topformer.weights.blank import blank_detector, blank_segmenter


def check_fits(recipe: Recipe, classes_: Classes, place: Place) -> None:
    """Refuse a recipe that cannot be followed with these classes or on this machine."""
    classes = len(classes_.names)
    if recipe.class_weights and len(recipe.class_weights) != classes:
        raise UsageError(
            f"class_weights has {len(recipe.class_weights)} factors for {classes} classes.",
            next_step=f"Give one for each of {', '.join(classes_.names[:3])}, ..., or none.",
        )
    if recipe.amp == "fp16" and place.device.type != "cuda":
        raise UsageError(
            "fp16 needs a CUDA device, and this machine has none.",
            next_step="Add --set amp=bf16, or --set amp=off.",
        )


def check_batch(form: NetworkForm, recipe: Recipe, place: Place) -> None:
    """Refuse batches of which BatchNorm would see a single value of a channel.

    Raises `UsageError`, also where the batch cannot be shared by the processes.
    """
    share = torch.empty(len(place.share(recipe.batch)), device="meta")
    pictures = min(len(part) for part in share.chunk(recipe.accumulate))
    if place.device.type == "cuda":
        pictures *= place.world_size  # their statistics are synchronised
    height, width = smallest_sample(augmentation_of(recipe)) if form.head else recipe.crop
    if pictures > 1 or _fewest_values(form, height, width) > 1:
        return
    raise UsageError(
        f"One picture of {height}x{width} at a time is too little to train on.",
        why=("The recipe draws samples as small as this. " if form.head else "")
        + "The network shrinks it to a single value a channel, and BatchNorm needs two or more "
        "to learn a spread.",
        next_step="Set a larger crop (--set crop=[64,128]), or let more pictures be computed at "
        "once: a larger batch, a smaller accumulate, fewer processes.",
    )


def _fewest_values(form: NetworkForm, height: int, width: int) -> int:
    """Values a channel, of one picture, in the smallest map that BatchNorm works on."""
    found: list[int] = []

    def note(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(inputs[0][0, 0].numel())

    if form.head:
        model = blank_detector(form.variant, num_classes=1, head=form.head).eval()
    else:
        model = blank_segmenter(form.variant).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(note)
    model(torch.empty(1, 3, height, width, device="meta"))
    return min(found)
