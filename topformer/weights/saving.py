"""Writing weights as safetensors that say of themselves what reading them needs to know."""

from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

import safetensors.torch

from topformer.documents import encode_json
from topformer.files import atomic_write, sha256_bytes
from topformer.manifest import Classes, ModelInfo, WeightsInfo
from topformer.networks import AnyNetwork
from topformer.weights.checkpoints import HEADER_KEY, WeightsHeader


class Statement(TypedDict):
    """What is written beside the numbers."""

    classes: Classes
    name: str
    licence: str
    source: str
    # Marks weights that were never trained.
    random_seed: NotRequired[int | None]
    # Usual (height, width) of the pictures that they were trained on.
    picture_size: NotRequired[tuple[int, int] | None]
    # (height, width) to which they were stretched; None where they were not.
    sample_size: NotRequired[tuple[int, int] | None]


def save_weights(path: Path, model: AnyNetwork, **stated: Unpack[Statement]) -> WeightsInfo:
    """Write a model with what is stated of it; the file appears whole or not at all."""
    data = pack_weights(model, **stated)
    atomic_write(path, data)
    return WeightsInfo(
        name=stated["name"],
        sha256=sha256_bytes(data),
        licence=stated["licence"],
        source=stated["source"],
        random_seed=stated.get("random_seed"),
    )


def pack_weights(model: AnyNetwork, **stated: Unpack[Statement]) -> bytes:
    """Return the bytes that `save_weights` writes."""
    named = len(stated["classes"].names)
    if named != model.num_classes:
        raise ValueError(f"{named} class names for {model.num_classes} classes")
    header = WeightsHeader(model=model_info(model), **stated)
    tensors = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
    # One entry only: the library writes several in random order, and equal weights should have
    # equal bytes.
    metadata = {HEADER_KEY: encode_json(header).decode()}
    return safetensors.torch.save(tensors, metadata)


def model_info(model: AnyNetwork) -> ModelInfo:
    """Describe a network as its manifest does."""
    return ModelInfo(
        variant=model.variant.name,
        num_classes=model.num_classes,
        fused_channels=model.variant.fused_channels,
        depthwise_head=model.variant.depthwise_head,
        task=model.task,
        detection_head=model.detection_head,
    )
