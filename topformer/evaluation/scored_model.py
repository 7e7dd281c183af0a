"""The model that is scored, opened for a data set under the protocol that fits it."""

from dataclasses import dataclass
from pathlib import Path

from topformer.data import Dataset
from topformer.errors import TopformerError, UsageError
from topformer.evaluation.protocols import (
    ScoringProtocol,
    Segmenter,
    fixed_protocol,
    whole_protocol,
    whole_segmenter,
)
from topformer.manifest import Classes, Manifest
from topformer.runtimes import OpenedModel, open_model
from topformer.runtimes.torch_network import TorchNetwork
from topformer.tasks import SEGMENTATION


@dataclass(frozen=True, kw_only=True)
class ScoredModel:
    """A model that is ready to be scored."""

    opened: OpenedModel
    protocol: ScoringProtocol
    segment: Segmenter


def open_scored_model(
    source: str | Path,
    dataset: Dataset,
    *,
    image_size: tuple[int, int] | None = None,
    whole: bool = False,
    classes: Classes | None = None,
) -> ScoredModel:
    """Open any source of a model to be scored on `dataset`.

    Checkpoints are scored on whole pictures, or with `image_size` (height, width) at that fixed
    size; without it at that of their training pictures, where those were stretched to one and
    `whole` pictures are not asked for. Exported files are scored at their own size, always.
    `classes` take the place of those the model names. Raises `TopformerError` when the model cannot
    be opened, is for another task, or has another number of classes than the data set.
    """
    opened = open_model(source, image_size=image_size, classes=classes)
    is_whole = image_size is None and (whole or opened.sample_size is None)
    refuse_other_task(opened.manifest, SEGMENTATION, source)
    refuse_other_count(opened.manifest.classes, dataset.classes, source)
    network = opened.network
    if is_whole and isinstance(network, TorchNetwork):
        return ScoredModel(
            opened=opened,
            protocol=whole_protocol(dataset.scale),
            segment=whole_segmenter(network.model, dataset.scale),
        )
    own_size = (opened.manifest.input.height, opened.manifest.input.width)
    return ScoredModel(opened=opened, protocol=fixed_protocol(own_size), segment=opened.predict)


def refuse_other_task(manifest: Manifest, task: str, source: str | Path) -> None:
    """Raise `UsageError` where a model is not for the task that a data set has truth for."""
    if manifest.model.task == task:
        return
    raise UsageError(
        f"{source} is for {manifest.model.task}, not for {task}.",
        why=f"The data set holds what is needed to score {task}.",
        next_step="Name a data set for its task, or another model.",
    )


def refuse_other_count(model: Classes, dataset: Classes, source: str | Path) -> None:
    """Raise `TopformerError` where a model has another number of classes than a data set."""
    if len(model.names) == len(dataset.names):
        return
    raise TopformerError(
        f"{source} was not made for {dataset.dataset}.",
        why=f"It tells {len(model.names)} classes apart, those of {model.dataset}; "
        f"{dataset.dataset} has {len(dataset.names)}.",
        next_step="Name the data set that it was trained on, or a model trained on this one.",
    )


def differing_names(model: Classes, dataset: Classes) -> tuple[int, ...]:
    """Ids to which a model and a data set of as many classes give different names."""
    pairs = zip(model.names, dataset.names, strict=True)
    return tuple(number for number, (own, other) in enumerate(pairs) if own != other)
