"""What the host and its worker processes say to each other: one JSON object a line."""

from typing import Annotated, Literal

import msgspec

from topformer.manifest import ClassCount, Count, Document, Sha256, ShortText, Side, encode_json

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


class Load(Document, frozen=True, kw_only=True, tag="load"):
    """Open a model in a fresh process, run it once cold and then warm it up."""

    # The bytes of a name or path, which need not be UTF-8.
    source: bytes
    form: Form
    threads: int
    # Height and width, for checkpoints only.
    image_size: tuple[Side, Side] | None
    warmups: int


class Measure(Document, frozen=True, kw_only=True, tag="measure"):
    """Take one block of samples after some untimed runs."""

    samples: int
    warmups: int


class Loaded(Document, frozen=True, kw_only=True, tag="loaded"):
    """The model is ready."""

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


class Measured(Document, frozen=True, kw_only=True, tag="measured"):
    """One block of samples, in the order they were taken."""

    samples: Annotated[tuple[SampleNs, ...], msgspec.Meta(min_length=1)]
    warmups: tuple[SampleNs, ...]
    # Processor time of the whole process during the block, warm-ups included.
    cpu_ns: Nanoseconds
    # The most memory the process ever had resident.
    peak_memory_bytes: Count


class Failed(Document, frozen=True, kw_only=True, tag="failed"):
    """The worker met an error that it can explain, and ends."""

    what: str
    why: str
    next_step: str


Command = Load | Measure
Reply = Loaded | Measured | Failed


def encode_line(message: Command | Reply) -> bytes:
    """One message as one line."""
    return encode_json(message) + b"\n"


def decode_command(line: bytes) -> Command:
    """Read a command; raises `msgspec.DecodeError` on anything else."""
    return msgspec.json.decode(line, type=Command)


def decode_reply(line: bytes) -> Reply:
    """Read a reply; raises `msgspec.DecodeError` on anything else."""
    return msgspec.json.decode(line, type=Reply)
