"""What a training run begins with: weights, and a recipe that its data and machine can follow."""

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from topformer.data.box_transforms import smallest_sample
from topformer.errors import TopformerError, UsageError
from topformer.manifest import Classes
from topformer.networks import AnyNetwork, create_network
from topformer.training.processes import Place
from topformer.training.recipe import Recipe, augmentation_of
from topformer.variants import Variant, get_variant
from topformer.weights import initialise_backbone
from topformer.weights.blank import blank_detector, blank_segmenter
from topformer.weights.catalogue import PUBLISHED
from topformer.weights.checkpoints import Checkpoint, read_checkpoint
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


def check_fits(
    recipe: Recipe, classes_: Classes, place: Place, *, teacher: AnyNetwork | None = None
) -> None:
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
            next_step="Set amp to bf16 or off.",
        )
    if teacher is not None and teacher.num_classes != classes:
        raise UsageError(
            f"The teacher tells {teacher.num_classes} classes apart, the data set {classes}.",
            next_step="Take a teacher that was trained on this data set.",
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
    Raises `UsageError` for a start that does not exist and `TopformerError` for one that cannot be
    fetched or does not fit.
    """
    torch.default_generator.manual_seed(recipe.seed)
    model = create_network(form.variant, len(classes.names), detection_head=form.head)
    if resumed:
        return Beginning(model=model, description=f"begun with init {recipe.init}")
    if recipe.init == NONE:
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
        initialise_backbone(model, checkpoint)
        return Beginning(model=model, description=f"backbone of {checkpoint.path.name}")
    return Beginning(model=model, description=_copy_fitting(model, checkpoint))


def _copy_fitting(model: AnyNetwork, checkpoint: Checkpoint) -> str:
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
        parts = ", ".join(f"{part} ({count})" for part, count in drawn.items())
        described += f", the others drawn at random: {parts}"
    if _CLASSIFYING in state and _CLASSIFYING in given and _CLASSIFYING not in fitting:
        described += (
            f"; {len(given[_CLASSIFYING])} classes were told apart there, and "
            f"{model.num_classes} are here"
        )
    return described
