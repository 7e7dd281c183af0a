"""What a person asked `topformer report` for: which files to make, and which to take."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from topformer.benchmarks.benches.networks import check_network
from topformer.detection import RETINANET
from topformer.errors import TopformerError, UsageError
from topformer.export.precisions import DEFAULT_PRECISION, check_precision, precision_names
from topformer.export.targets import check_target, target_names
from topformer.files import local_path, without_query
from topformer.manifest import ModelInfo, read_manifest_of
from topformer.preprocess import parse_image_size
from topformer.runtimes import runtime_of
from topformer.tasks import DETECTION
from topformer.variants import DEFAULT_IMAGE_SIZE, DEFAULT_VARIANT, VARIANTS, get_variant
from topformer.verbs.report.kept import in_paths
from topformer.weights.checkpoints import read_checkpoint
from topformer.weights.sources import RANDOM

# More are neither measured in one run nor read on one page.
MOST_FILES = 48


@dataclass(frozen=True, kw_only=True)
class Source:
    """Weights that files are made from: the default ones of a size, or a checkpoint."""

    # "tiny", or the checkpoint's name; what its files are called by, and their folder.
    label: str
    # None for the default weights of `variant`.
    weights: str | None
    # None leaves it to the checkpoint.
    variant: str | None
    # As manifests name it, and a detector's head; None leaves them to the weights.
    task: str | None = None
    detection_head: str | None = None


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file to be made."""

    source: Source
    image_size: tuple[int, int]
    precision: str
    target: str

    @property
    def name(self) -> str:
        """What it is called, as in "tiny 448x448 fp32 xnnpack"."""
        height, width = self.image_size
        return f"{self.source.label} {height}x{width} {self.precision} {self.target}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The files that are made, in order, and those that were given."""

    exports: tuple[Export, ...]
    given: tuple[Path, ...]


def make_plan(
    *,
    sizes: Sequence[str],
    image_sizes: Sequence[str],
    precisions: Sequence[str],
    targets: Sequence[str],
    models: Sequence[str],
    task: str | None = None,
    detection_head: str | None = None,
    data_task: str | None = None,
) -> Plan:
    """Combine what was asked for; without a word, all precisions and targets of the default size.

    Of `models`, checkpoints are exported as sizes are, and exported files taken as they are.
    `task`, as manifests name it, and `detection_head` are those that all must be of; without a
    task, that of the data is. Raises `UsageError` for unknown names, for options that say nothing,
    and for files of several tasks.
    """
    sizes = [*sizes, *(model for model in models if model in VARIANTS)]
    models = [model for model in dict.fromkeys(models) if model not in VARIANTS]
    checkpoints = [model for model in models if runtime_of(model) == "torch"]
    given = [local_path(model) for model in models if model not in checkpoints]
    for path in given:
        if not path.is_file():
            raise UsageError(
                f"There is no file {path}.", next_step="`topformer export` makes model files."
            )
    only_given = given and not checkpoints and not sizes
    if only_given:
        _refuse_options_of_exports(image_sizes, precisions, targets)
    networks = {path: read_manifest_of(path).model for path in given}
    for path, network in networks.items():
        check_network(path, network, task, detection_head)
    _check_same_task(networks, task, data_task)
    if only_given:
        return Plan(exports=(), given=tuple(given))
    for name in sizes:
        get_variant(name)
    chosen_targets = list(dict.fromkeys(targets)) or target_names()
    chosen_precisions = list(dict.fromkeys(precisions)) or _default_precisions()
    for name in chosen_targets:
        check_target(name)
    for name in chosen_precisions:
        check_precision(name)
    pixels = [parse_image_size(text) for text in dict.fromkeys(image_sizes)]
    exports = tuple(
        Export(source=source, image_size=size, precision=precision, target=target)
        for source in _sources(sizes, checkpoints, task or data_task, detection_head)
        for size in pixels or [_own_size(source)]
        for precision in chosen_precisions
        for target in chosen_targets
    )
    if len(exports) + len(given) > MOST_FILES:
        raise UsageError(
            f"These are {len(exports) + len(given)} files.",
            why=f"Each is measured beside all others, and one run takes {MOST_FILES}.",
            next_step="Name fewer sizes, precisions or targets, or make several reports.",
        )
    return Plan(exports=exports, given=tuple(given))


def _check_same_task(
    networks: Mapping[Path, ModelInfo], task: str | None, data_task: str | None
) -> None:
    """Refuse what is asked for and files that the data, or the file before, do not fit."""
    if task is not None and data_task not in {None, task}:
        raise UsageError(
            f"The data are for {data_task}, and not for {task}.",
            next_step="Leave --task out, or name other data.",
        )
    wanted, source = data_task, "the data"
    for path, network in networks.items():
        if wanted not in {None, network.task}:
            raise UsageError(
                f"{path} is for {network.task}, and {source} for {wanted}.",
                why="What one finds says nothing of the other, so neither can be preferred.",
                next_step="Make a report of each task.",
            )
        wanted, source = network.task, str(path)


def _default_precisions() -> list[str]:
    """All, the usual one first: what the others are compared with."""
    return sorted(precision_names(), key=lambda name: (name != DEFAULT_PRECISION, name))


def _sources(
    sizes: Sequence[str], checkpoints: Sequence[str], task: str | None, detection_head: str | None
) -> Iterator[Source]:
    detects = task == DETECTION or detection_head is not None
    taken: set[str] = set()
    for size in dict.fromkeys(sizes or ([] if checkpoints else [DEFAULT_VARIANT])):
        label = f"{size}-{detection_head or RETINANET}" if detects else size
        taken.add(in_paths(label).casefold())
        yield Source(
            label=label,
            weights=None,
            variant=size,
            task=task,
            detection_head=detection_head,
        )
    for checkpoint in checkpoints:
        stem = label = Path(without_query(checkpoint)).stem or "weights"
        number = 1
        while in_paths(label).casefold() in taken:
            number += 1
            label = f"{stem}-{number}"
        taken.add(in_paths(label).casefold())
        variant = DEFAULT_VARIANT if checkpoint == RANDOM else None
        yield Source(
            label=label,
            weights=checkpoint,
            variant=variant,
            task=task,
            detection_head=detection_head,
        )


def _own_size(source: Source) -> tuple[int, int]:
    """The size that weights of ours say, as `open_model` takes it."""
    path = Path(source.weights or "")
    if path.suffix == ".safetensors" and path.is_file():
        # What cannot be read is told where a file is made of it.
        with suppress(TopformerError):
            header = read_checkpoint(path, read_classes=False).header
            if header is not None and header.sample_size is not None:
                return header.sample_size
    return DEFAULT_IMAGE_SIZE


def _refuse_options_of_exports(
    image_sizes: Sequence[str], precisions: Sequence[str], targets: Sequence[str]
) -> None:
    given = {"--image-size": image_sizes, "--precision": precisions, "--target": targets}
    for option, values in given.items():
        if values:
            raise UsageError(
                f"{option} is for files that are made here.",
                why="All models that were named are exported files, which are taken as they are.",
                next_step=f"Leave {option} out, or add --size or a checkpoint.",
            )
