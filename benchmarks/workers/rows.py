"""What is asked of a row, and what it is once it is loaded."""

from dataclasses import dataclass
from pathlib import Path

from topformer.benchmarks.documents.conditions import (
    Build,
    StartingPicture,
    told_or_input_size,
)
from topformer.benchmarks.documents.runner import Form, Opened, SampleNs
from topformer.benchmarks.workers.pictures import picture_name
from topformer.manifest import Manifest


@dataclass(frozen=True, kw_only=True)
class RowRequest:
    """One row to measure: what to run, how, and what to call it."""

    # Unique in its run.
    name: str
    # A model file, a size or a published checkpoint's name.
    source: str
    runtime: str
    threads: int
    form: Form = ""
    image_size: tuple[int, int] | None = None
    # A file or "HEIGHTxWIDTH"; None begins at the network's input size.
    picture: str | None = None


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that is ready, and what it took to get there."""

    model: str
    sha256: str
    variant: str
    task: str
    detection_head: str
    classes: int
    weights_name: str
    weights_random: bool
    precision: str
    image_size: tuple[int, int]
    picture_name: str
    picture: StartingPicture
    build: Build | None
    import_ns: int
    load_ns: int
    first: SampleNs
    warmups: tuple[SampleNs, ...]


def describe_loaded(
    request: RowRequest, manifest: Manifest, opened: Opened, *, import_ns: int = 0
) -> Loaded:
    """Put together what a model's manifest and its worker say."""
    file, info = manifest.file, manifest.input
    return Loaded(
        model=file.name if file else Path(request.source).name,
        sha256=file.sha256 if file else manifest.weights.sha256,
        variant=manifest.model.variant,
        task=manifest.model.task,
        detection_head=manifest.model.detection_head,
        classes=manifest.model.num_classes,
        weights_name=manifest.weights.name,
        weights_random=manifest.weights.is_random,
        precision=file.precision if file else "fp32",
        image_size=(info.height, info.width),
        picture_name=picture_name(request.picture),
        picture=told_or_input_size(opened.picture, (info.height, info.width)),
        build=opened.build,
        import_ns=import_ns,
        load_ns=opened.load_ns,
        first=opened.first,
        warmups=opened.warmups,
    )
