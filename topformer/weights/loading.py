"""Models from weights: the one place that turns a name into a network.

A source of weights is the path of a checkpoint, an https URL, the name of a published checkpoint, a
size ("tiny", "small", "base": the weights bundled for it, or random ones while there are none), or
"random".
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor, nn

from topformer.classes import check_count, dataset_classes, numbered_classes
from topformer.errors import TopformerError, UsageError
from topformer.manifest import Classes, WeightsInfo
from topformer.model import TopFormer, TopFormerClassifier, create_model
from topformer.variants import VARIANTS, get_variant
from topformer.weights.blank import blank_classifier, blank_segmenter
from topformer.weights.checkpoints import (
    COUNTER,
    Checkpoint,
    read_checkpoint,
)
from topformer.weights.class_names import CLASSES_BY_HAND
from topformer.weights.matching import (
    classifier_layout,
    pretrained_shapes,
    segmentation_layout,
)
from topformer.weights.saving import model_info
from topformer.weights.sources import RANDOM, WeightsSource, file_source, find_source
from topformer.weights.transfer import Progress

_RANDOM_SEED = 0


@dataclass(frozen=True, kw_only=True)
class LoadedWeights:
    """A model ready to run, and where its numbers come from."""

    # In eval mode, float32, on the CPU.
    model: TopFormer
    info: WeightsInfo
    classes: Classes
    # Usual (height, width) of the pictures it was trained on, where the weights say so.
    picture_size: tuple[int, int] | None = None
    # What was wrapped around the weights and taken off, in sentences.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BackboneInitialisation:
    """What an ImageNet checkpoint gave a segmentation model, by tensor name."""

    # Names in the model that now hold the checkpoint's numbers.
    loaded: tuple[str, ...]
    # Names in the model that were left as they were.
    untouched: tuple[str, ...]
    # Names in the checkpoint the model has no place for.
    unused: tuple[str, ...]


def load_weights(
    source: str | Path | None,
    *,
    variant: str | None = None,
    num_classes: int | None = None,
    classes: Classes | None = None,
    progress: Progress | None = None,
) -> LoadedWeights:
    """Load a segmentation model from any source of weights (see the module).

    `source` None means the default weights of `variant`. `variant` and `num_classes`, where given,
    must be those of the weights; random weights take any. `classes` go before those the file names;
    where nobody names any, they only have numbers. `progress` follows a download. Raises
    `UsageError` for a request that cannot be met, `TopformerError` for weights that are unsound or
    do not fit.
    """
    if isinstance(source, str) and source in VARIANTS:
        if variant not in {None, source}:
            raise UsageError(f"Weights {source} are not of size {variant}.")
        source, variant = None, source
    if source is None or source == RANDOM:
        if variant is None:
            raise UsageError(
                f"{'Random' if source else 'Default'} weights need a size.",
                next_step=f"Choose one of {', '.join(VARIANTS)}.",
            )
        bundled = bundled_path(variant) if source is None else None
        if bundled is None:
            return _random(variant, num_classes, classes)
        return _from_file(file_source(bundled), variant, num_classes, classes)
    found = find_source(source, task="semantic-segmentation", progress=progress)
    return _from_file(found, variant, num_classes, classes)


def load_model(path_or_name: str | Path) -> TopFormer:
    """Load a segmentation network in eval mode; it returns raw logits at 1/8.

    Takes any source of weights `load_weights` takes, and raises what it raises.
    """
    return load_weights(path_or_name).model


def bundled_path(variant: str) -> Path | None:
    """Find the trained weights this package carries for a size, where it carries any."""
    folder = resources.files("topformer").joinpath("weights")
    bundled = folder.joinpath(f"{get_variant(variant).name}.safetensors")
    return Path(str(bundled)) if bundled.is_file() else None


def load_classifier(
    source: str | Path, *, variant: str | None = None, progress: Progress | None = None
) -> TopFormerClassifier:
    """Load an ImageNet classifier in eval mode from a path, an https URL or a published name.

    Raises as `load_weights`.
    """
    path = find_source(source, task="classification", progress=progress).path
    checkpoint = read_checkpoint(path, read_classes=False)
    layout = classifier_layout(checkpoint, variant=variant)
    model = blank_classifier(layout.variant, num_classes=layout.num_classes)
    _fill(model, checkpoint.tensors)
    return model.eval()


def initialise_backbone(model: TopFormer, checkpoint: Checkpoint) -> BackboneInitialisation:
    """Copy the pyramid and the transformer of an ImageNet checkpoint into a segmentation model.

    Injection and head are left as they are. Raises `TopformerError` when the checkpoint is no
    classifier of the model's size; the model is then unchanged.
    """
    classifier_layout(checkpoint, variant=model.variant.name)
    names = [name for name in pretrained_shapes(model.variant) if name in checkpoint.tensors]
    state = model.backbone.state_dict()
    with torch.no_grad():
        for name in names:
            state[name].copy_(checkpoint.tensors[name])
    loaded = {f"backbone.{name}" for name in names}
    return BackboneInitialisation(
        loaded=tuple(sorted(loaded)),
        untouched=tuple(name for name in model.state_dict() if name not in loaded),
        unused=tuple(name for name in checkpoint.tensors if name not in names),
    )


def _random(variant: str, num_classes: int | None, classes: Classes | None) -> LoadedWeights:
    """Draw weights; the same ones every time, and without touching the caller's random state."""
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        torch.default_generator.manual_seed(_RANDOM_SEED)
        model = create_model(variant, num_classes=150 if num_classes is None else num_classes)
    info = WeightsInfo(
        name=f"{model.variant.name}-{RANDOM}",
        sha256=_sha256_of_tensors(model),
        licence="none needed: random numbers",
        source=f"drawn with torch's seed {_RANDOM_SEED}; not trained",
        random_seed=_RANDOM_SEED,
    )
    if classes:
        check_count(classes, model.num_classes, info.name)
    # Without a count this is the published network of ADE20K.
    elif num_classes is None:
        classes = dataset_classes("ade20k")
    else:
        classes = numbered_classes(num_classes)
    return LoadedWeights(model=model.eval(), info=info, classes=classes)


def _sha256_of_tensors(model: nn.Module) -> str:
    """Hash all tensors in the order of the state_dict, names included."""
    digest = sha256()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {list(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _from_file(
    source: WeightsSource, variant: str | None, num_classes: int | None, classes: Classes | None
) -> LoadedWeights:
    checkpoint = read_checkpoint(source.path, read_classes=classes is None)
    layout = segmentation_layout(checkpoint, variant=variant, num_classes=num_classes)
    model = blank_segmenter(layout.variant, num_classes=layout.num_classes)
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
                why=f"It names {len(classes.names)} classes, and decode_head.conv_seg.weight has "
                f"{layout.num_classes}.",
                next_step=CLASSES_BY_HAND,
            )
    elif source.dataset and len(dataset_classes(source.dataset).names) == layout.num_classes:
        classes = dataset_classes(source.dataset)
    else:
        classes = numbered_classes(layout.num_classes)
    info = WeightsInfo(
        name=header.name if header else source.name,
        sha256=checkpoint.sha256,
        licence=header.licence if header else source.licence,
        source=header.source if header else source.source,
        random_seed=header.random_seed if header else None,
    )
    return LoadedWeights(
        model=model.eval(),
        info=info,
        classes=classes,
        picture_size=header.picture_size if header else None,
        notes=checkpoint.notes,
    )


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
