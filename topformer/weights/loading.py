"""Models from weights: the one place that turns a name into a network.

A source of weights is the path of a checkpoint, an https URL, the name of a published checkpoint, a
size ("tiny", "small", "base": the weights bundled for it; of detectors random ones, since none are
bundled), or "random".
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor, nn

from topformer.classes import check_count, dataset_classes, numbered_classes
from topformer.detection import HEADS, RETINANET
from topformer.errors import TopformerError, UsageError
from topformer.manifest import Classes, WeightsInfo
from topformer.model import TopFormer
from topformer.networks import AnyNetwork, create_network
from topformer.text import brief
from topformer.variants import DEFAULT_IMAGE_SIZE, VARIANTS, get_variant
from topformer.weights.blank import blank_detector, blank_segmenter
from topformer.weights.checkpoints import (
    COUNTER,
    Checkpoint,
    read_checkpoint,
)
from topformer.weights.class_names import CLASSES_BY_HAND
from topformer.weights.matching import (
    NetworkLayout,
    classifier_layout,
    detection_layout,
    pretrained_shapes,
    segmentation_layout,
)
from topformer.weights.saving import model_info
from topformer.weights.sources import RANDOM, WeightsSource, file_source, find_source
from topformer.weights.transfer import Progress

_RANDOM_SEED = 0
_SEGMENTATION, _DETECTION = "semantic-segmentation", "object-detection"
# The network that is published for a task: its data set's.
_PUBLISHED_CLASSES = {_SEGMENTATION: "ade20k", _DETECTION: "coco"}


@dataclass(frozen=True, kw_only=True)
class LoadedWeights:
    """A model ready to run, and where its numbers come from."""

    # In eval mode, float32, on the CPU.
    model: AnyNetwork
    info: WeightsInfo
    classes: Classes
    # Usual (height, width) of the pictures it was trained on, where the weights say so.
    picture_size: tuple[int, int] | None = None
    # (height, width) to which they were stretched, where they were.
    sample_size: tuple[int, int] | None = None
    # What was wrapped around the weights and taken off, in sentences.
    notes: tuple[str, ...] = ()

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of pictures as the network knows them best."""
        return self.sample_size or DEFAULT_IMAGE_SIZE


def load_weights(
    source: str | Path | None,
    *,
    variant: str | None = None,
    num_classes: int | None = None,
    task: str | None = None,
    detection_head: str | None = None,
    classes: Classes | None = None,
    progress: Progress | None = None,
) -> LoadedWeights:
    """Load a model from any source of weights (see the module).

    `source` None means the default weights of `variant`. `variant`, `num_classes`, `task` (as a
    manifest names it) and `detection_head`, where given, must be those of the weights; random
    weights take any, and segment unless they are told to detect. `classes` go before those the file
    names; where nobody names any, they only have numbers. `progress` follows a download. Raises
    `UsageError` for a request that cannot be met, `TopformerError` for weights that are unsound or
    do not fit.
    """
    wanted = _Wanted(
        variant=variant, num_classes=num_classes, task=task, detection_head=detection_head
    )
    if detection_head and task not in {None, _DETECTION}:
        raise UsageError(
            f"A detection head is asked for, and the task {task}.",
            next_step="Leave one of the two out.",
        )
    if isinstance(source, str) and source in VARIANTS:
        if variant not in {None, source}:
            raise UsageError(f"Weights {source} are not of size {variant}.")
        source, wanted = None, replace(wanted, variant=source)
    if source is None or source == RANDOM:
        if wanted.variant is None:
            raise UsageError(
                f"{'Random' if source else 'Default'} weights need a size.",
                next_step=f"Choose one of {', '.join(VARIANTS)}.",
            )
        if source == RANDOM or wanted.detects:
            return _random(wanted, classes)
        return _from_file(file_source(bundled_path(wanted.variant)), wanted, classes)
    found = find_source(source, task=_SEGMENTATION, progress=progress)
    return _from_file(found, wanted, classes)


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What weights are asked to be of; None for whatever they are."""

    variant: str | None
    num_classes: int | None
    task: str | None
    detection_head: str | None

    @property
    def detects(self) -> bool:
        """Whether a detector is asked for."""
        return self.task == _DETECTION or (self.task is None and bool(self.detection_head))


def load_model(path_or_name: str | Path) -> TopFormer:
    """Load a segmentation network in eval mode; it returns raw logits at 1/8.

    Takes any source of weights `load_weights` takes, and raises what it raises.
    """
    model = load_weights(path_or_name, task=_SEGMENTATION).model
    assert isinstance(model, TopFormer)
    return model


def bundled_path(variant: str) -> Path:
    """Where the trained weights lie that this package carries for a size."""
    folder = resources.files("topformer").joinpath("weights")
    return Path(str(folder.joinpath(f"{get_variant(variant).name}.safetensors")))


def initialise_backbone(model: AnyNetwork, checkpoint: Checkpoint) -> None:
    """Copy the pyramid and the transformer of an ImageNet checkpoint into a model.

    Injection and head are left as they are. Raises `TopformerError` when the checkpoint is no
    classifier of the model's size; the model is then unchanged.
    """
    classifier_layout(checkpoint, variant=model.variant.name)
    names = [name for name in pretrained_shapes(model.variant) if name in checkpoint.tensors]
    state = model.backbone.state_dict()
    with torch.no_grad():
        for name in names:
            state[name].copy_(checkpoint.tensors[name])


def _random(wanted: _Wanted, classes: Classes | None) -> LoadedWeights:
    """Draw weights; the same ones every time, and without touching the caller's random state."""
    assert wanted.variant is not None
    published = dataset_classes(_PUBLISHED_CLASSES[_DETECTION if wanted.detects else _SEGMENTATION])
    count = len(published.names) if wanted.num_classes is None else wanted.num_classes
    head = (wanted.detection_head or RETINANET) if wanted.detects else ""
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        torch.default_generator.manual_seed(_RANDOM_SEED)
        model = create_network(wanted.variant, count, detection_head=head)
    info = WeightsInfo(
        name="-".join(filter(None, (model.variant.name, head, RANDOM))),
        sha256=_sha256_of_tensors(model),
        licence="none needed: random numbers",
        source=f"drawn with torch's seed {_RANDOM_SEED}; not trained",
        random_seed=_RANDOM_SEED,
    )
    if classes:
        check_count(classes, model.num_classes, info.name)
    elif wanted.num_classes is None:
        classes = published
    else:
        classes = numbered_classes(wanted.num_classes)
    return LoadedWeights(model=model.eval(), info=info, classes=classes)


def _sha256_of_tensors(model: nn.Module) -> str:
    """Hash all tensors in the order of the state_dict, names included."""
    digest = sha256()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {list(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _from_file(source: WeightsSource, wanted: _Wanted, classes: Classes | None) -> LoadedWeights:
    checkpoint = read_checkpoint(source.path, read_classes=classes is None)
    layout = _layout(checkpoint, wanted)
    model = _blank(layout)
    _fill(model, checkpoint.tensors)
    header = checkpoint.header
    if header and header.model != model_info(model):
        raise TopformerError(
            f"{source.path} contradicts itself.",
            why=f"Its header says {header.model}, its tensors say {model_info(model)}.",
        )
    if classes:
        check_count(classes, layout.num_classes, source.name)
    elif checkpoint.classes:
        classes = checkpoint.classes
        if len(classes.names) != layout.num_classes:
            raise TopformerError(
                f"{source.path} contradicts itself.",
                why=f"It names {len(classes.names)} classes, and its tensors are of "
                f"{layout.num_classes}.",
                next_step=CLASSES_BY_HAND,
            )
    elif source.dataset and len(dataset_classes(source.dataset).names) == layout.num_classes:
        classes = dataset_classes(source.dataset)
    else:
        classes = numbered_classes(layout.num_classes)
    return LoadedWeights(
        model=model.eval(),
        info=weights_info(source, checkpoint),
        classes=classes,
        picture_size=header.picture_size if header else None,
        sample_size=header.sample_size if header else None,
        notes=checkpoint.notes,
    )


def weights_info(source: WeightsSource, checkpoint: Checkpoint) -> WeightsInfo:
    """Say where the numbers of a checkpoint come from; what it says of itself goes first."""
    header = checkpoint.header
    return WeightsInfo(
        name=header.name if header else source.name,
        sha256=checkpoint.sha256,
        licence=header.licence if header else source.licence,
        source=header.source if header else source.source,
        random_seed=header.random_seed if header else None,
    )


def _layout(checkpoint: Checkpoint, wanted: _Wanted) -> NetworkLayout:
    """Tell which network the weights are of; only files of our own hold detectors."""
    header = checkpoint.header
    task = header.model.task if header else _SEGMENTATION
    if wanted.task not in {None, task} or (wanted.detection_head and task != _DETECTION):
        raise TopformerError(
            f"{checkpoint.path} is not for {wanted.task or _DETECTION}.",
            why=f"It holds weights for {task}.",
            next_step="Use weights that were trained for it.",
        )
    if header is None or task != _DETECTION:
        return segmentation_layout(
            checkpoint, variant=wanted.variant, num_classes=wanted.num_classes
        )
    head = header.model.detection_head
    if head not in HEADS:
        raise TopformerError(
            f"{checkpoint.path} has a detection head that this version does not know.",
            why=f"Its header calls it {brief(head)!r}; known are {', '.join(HEADS)}.",
        )
    if wanted.detection_head not in {None, head}:
        raise TopformerError(
            f"{checkpoint.path} has another detection head.",
            why=f"Its head is {head}, and {wanted.detection_head} is asked for.",
        )
    return detection_layout(
        checkpoint, head, variant=wanted.variant, num_classes=wanted.num_classes
    )


def _blank(layout: NetworkLayout) -> AnyNetwork:
    if layout.detection_head:
        return blank_detector(
            layout.variant, num_classes=layout.num_classes, head=layout.detection_head
        )
    return blank_segmenter(layout.variant, num_classes=layout.num_classes)


def _fill(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give a model without storage these numbers; missing counters become zero."""
    numbers = {
        name: torch.zeros((), dtype=torch.int64)
        for name in model.state_dict()
        if name.endswith(COUNTER)
    }
    # Copies: tensors in a file may share memory, parameters must not.
    numbers |= {
        name: tensor.clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    model.load_state_dict(numbers, strict=True, assign=True)
