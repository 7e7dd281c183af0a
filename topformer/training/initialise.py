"""The network that a training run begins with, and its weights."""

from collections import Counter
from dataclasses import dataclass

import torch

from topformer.errors import TopformerError, UsageError
from topformer.manifest import Classes, WeightsInfo
from topformer.networks import AnyNetwork, create_network
from topformer.training.recipe import Recipe
from topformer.variants import Variant, get_variant
from topformer.weights import initialise_backbone
from topformer.weights.catalogue import PUBLISHED
from topformer.weights.checkpoints import Checkpoint, read_checkpoint
from topformer.weights.loading import weights_info
from topformer.weights.sources import find_source
from topformer.weights.transfer import Progress

IMAGENET, NONE = "imagenet", "none"
_CLASSIFIER_HEAD = "head.l.weight"
_CLASSIFYING = "decode_head.conv_seg.bias"
_BACKBONE = "backbone."
# How the names of all parts of networks begin, but for a bare backbone's.
_PARTS = (_BACKBONE, "decode_head.", "fpn.", "head.")


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A network that is ready to be trained, and where its numbers come from."""

    model: AnyNetwork
    description: str
    # Of the file it was filled from; None where there was none, or is none any more.
    weights: WeightsInfo | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkForm:
    """Which network is trained."""

    variant: Variant
    # Of a detector; empty for other networks.
    head: str = ""


def form_for(size: str, dataset: str, head: str = "") -> NetworkForm:
    """The form of the network that is published for a data set."""
    found = get_variant(size)
    variant = found.for_cityscapes() if dataset == "cityscapes" else found
    return NetworkForm(variant=variant, head=head)


def begin(
    form: NetworkForm,
    classes: Classes,
    recipe: Recipe,
    *,
    resumed: bool = False,
    progress: Progress | None = None,
) -> Beginning:
    """Create the network of a recipe and fill it as `recipe.init` says.

    Of a run that is `resumed` the checkpoint has all numbers: where they came from is not opened.
    Raises `UsageError` for a start that does not exist, or is to be averaged in and was not all
    learnt, and `TopformerError` for one that cannot be fetched or does not fit.
    """
    torch.default_generator.manual_seed(recipe.seed)
    model = create_network(form.variant, len(classes.names), detection_head=form.head)
    if resumed:
        return Beginning(model=model, description=f"begun with init {recipe.init}")
    if recipe.init == NONE:
        _refuse_to_average(recipe)
        return Beginning(model=model, description=f"random weights, seed {recipe.seed}")
    if recipe.init == IMAGENET:
        name = next(
            entry.name
            for entry in PUBLISHED
            if entry.task == "classification" and entry.variant == form.variant.name
        )
        source = find_source(name, task="classification", progress=progress)
    else:
        source = find_source(recipe.init, task="semantic-segmentation", progress=progress)
    checkpoint = read_checkpoint(source.path, read_classes=False)
    if _CLASSIFIER_HEAD in checkpoint.tensors:
        _refuse_to_average(recipe)
        initialise_backbone(model, checkpoint)
        description = f"backbone of {checkpoint.path.name}"
    else:
        description = _copy_fitting(model, checkpoint, recipe)
    weights = weights_info(source, checkpoint)
    return Beginning(model=model, description=description, weights=weights)


def _refuse_to_average(recipe: Recipe) -> None:
    """Raise `UsageError` where weights that are drawn at random would be averaged in."""
    if recipe.start_share:
        raise UsageError(
            "start_share averages in what a run begins with, and that is drawn at random here.",
            why="It is for going on with a network that knows the classes already.",
            next_step="Give such weights with --init FILE, or leave start_share out.",
        )


def _copy_fitting(model: AnyNetwork, checkpoint: Checkpoint, recipe: Recipe) -> str:
    """Copy every tensor of the same name and shape, and say which stay as drawn.

    A network gives all that fits, whatever it is for; a bare backbone what it has.
    """
    state = model.state_dict()
    given = {
        name if name.startswith(_PARTS) else f"{_BACKBONE}{name}": tensor
        for name, tensor in checkpoint.tensors.items()
    }
    fitting = {
        name: tensor
        for name, tensor in given.items()
        if name in state and state[name].shape == tensor.shape
    }
    body = [name for name in state if name.startswith("backbone.tpm.")]
    missing = [name for name in body if name not in fitting and not name.endswith("_tracked")]
    if missing:
        raise TopformerError(
            f"{checkpoint.path} does not fit a {model.variant.name} network: {missing[0]}.",
            why="Its token pyramid has other shapes or is missing.",
            next_step="Pass weights of the same --size, or --init none.",
        )
    model.load_state_dict(fitting, strict=False)
    described = f"{len(fitting)} of {len(state)} tensors of {checkpoint.path.name}"
    drawn = Counter(
        # "backbone.SIM", "decode_head.conv_seg": the parts that people know.
        ".".join(name.split(".")[:2])
        for name in state
        if name not in fitting and not name.endswith("_tracked")
    )
    if drawn:
        _refuse_to_average(recipe)
        parts = ", ".join(f"{part} ({count})" for part, count in drawn.items())
        described += f", the others drawn at random: {parts}"
    if _CLASSIFYING in state and _CLASSIFYING in given and _CLASSIFYING not in fitting:
        described += (
            f"; {len(given[_CLASSIFYING])} classes were told apart there, and "
            f"{model.num_classes} are here"
        )
    return described
