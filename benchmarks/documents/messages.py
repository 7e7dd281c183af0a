"""What a worker is asked to open, and what is known of it and its samples on the host."""

from typing import Annotated, Literal

import msgspec

from topformer.documents import Count, Document, Sha256, ShortText, Side
from topformer.manifest import ClassCount

# What torch does with a checkpoint's BatchNorm; an exported file has one form only.
Form = Literal["", "unfused", "fused"]
FORM_TEXT: dict[Form, str] = {
    "": "",
    "unfused": "eager, BatchNorm unfused",
    "fused": "eager, BatchNorm fused",
}
Nanoseconds = Annotated[int, msgspec.Meta(ge=0)]


class SampleNs(Document, frozen=True, kw_only=True, array_like=True):
    """The three parts of one run from a picture in memory to its result."""

    preprocess: Nanoseconds
    execute: Nanoseconds
    postprocess: Nanoseconds

    @property
    def total(self) -> int:
        """Nanoseconds of the whole run."""
        return self.preprocess + self.execute + self.postprocess


class Load(Document, frozen=True, kw_only=True):
    """The argument of the Python worker: open a model, run it once cold and then warm it up."""

    # The bytes of a name or path, which need not be UTF-8.
    source: bytes
    form: Form
    threads: int
    # Height and width, for checkpoints only.
    image_size: tuple[Side, Side] | None
    warmups: int


class Loaded(Document, frozen=True, kw_only=True):
    """A model that is ready, and what it took to get there."""

    model: ShortText
    sha256: Sha256
    variant: ShortText
    classes: ClassCount
    weights_name: ShortText
    weights_random: bool
    precision: ShortText
    image_size: tuple[Side, Side]
    picture: ShortText
    import_ns: Nanoseconds
    load_ns: Nanoseconds
    first: SampleNs
    warmups: tuple[SampleNs, ...]


class Measured(Document, frozen=True, kw_only=True):
    """One block of samples, in the order they were taken."""

    samples: Annotated[tuple[SampleNs, ...], msgspec.Meta(min_length=1)]
    warmups: tuple[SampleNs, ...]
    # Processor time of the whole process during the block, warm-ups included.
    cpu_ns: Nanoseconds
    # The most memory the process ever had resident.
    peak_memory_bytes: Count
