"""The detector that is scored, opened for a data set under the protocol that fits it."""

from dataclasses import dataclass
from pathlib import Path

from topformer.data import BoxDataset
from topformer.evaluation.boxes.average_precision import BoxFinder
from topformer.evaluation.boxes.finders import whole_finder
from topformer.evaluation.protocols import ScoringProtocol, fixed_protocol, whole_protocol
from topformer.evaluation.scored_model import refuse_other_count, refuse_other_task
from topformer.manifest import Classes
from topformer.runtimes import OpenedModel, open_model
from topformer.runtimes.torch_network import TorchNetwork
from topformer.tasks import DETECTION


@dataclass(frozen=True, kw_only=True)
class ScoredDetector:
    """A detector that is ready to be scored."""

    opened: OpenedModel
    protocol: ScoringProtocol
    find: BoxFinder


def open_scored_detector(
    source: str | Path,
    dataset: BoxDataset,
    truth: Classes,
    *,
    image_size: tuple[int, int] | None = None,
    whole: bool = False,
    classes: Classes | None = None,
) -> ScoredDetector:
    """Open any source of a detector to be scored on a split of `dataset` whose classes are `truth`.

    Checkpoints are scored on whole pictures, or with `image_size` (height, width) at that fixed
    size; without it at that of their training pictures, where those were stretched to one and
    `whole` pictures are not asked for. Exported files are scored at their own size, always.
    `classes` take the place of those the model names. Raises `TopformerError` when the model cannot
    be opened, is no detector, or has another number of classes than the split.
    """
    opened = open_model(source, image_size=image_size, classes=classes)
    is_whole = image_size is None and (whole or opened.sample_size is None)
    refuse_other_task(opened.manifest, DETECTION, source)
    refuse_other_count(opened.manifest.classes, truth, source)
    network, info = opened.network, opened.manifest.detection
    if is_whole and isinstance(network, TorchNetwork) and info is not None:
        return ScoredDetector(
            opened=opened,
            protocol=whole_protocol(dataset.scale),
            find=whole_finder(network.model, dataset.scale, info),
        )
    own_size = (opened.manifest.input.height, opened.manifest.input.width)
    return ScoredDetector(opened=opened, protocol=fixed_protocol(own_size), find=opened.predict)
