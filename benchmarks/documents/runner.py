"""The protocol of workers, in Python's types: what they print, and how they are asked.

The C++ runner (`benchmarks/runner`) and the Python worker speak it alike. A worker that serves
opens a model, prints `RunnerOpened`, and then one `RunnerBlock` for each line "SAMPLES WARMUPS" on
its stdin. A failure is `RunnerFailure`, and the last document.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from topformer.benchmarks.documents.conditions import Build, StartingPicture
from topformer.children import LINE_LIMIT_BYTES
from topformer.documents import Count, Document, Positive, Sha256, ShortText, Side, without_minor
from topformer.errors import TopformerError
from topformer.manifest import Manifest
from topformer.tasks import task_of

# What torch does with a checkpoint's BatchNorm; an exported file has one form only.
Form = Literal["", "unfused", "fused"]
FORM_TEXT: dict[Form, str] = {
    "": "",
    "unfused": "eager, BatchNorm unfused",
    "fused": "eager, BatchNorm fused",
}
# The last field of every document; one without it was torn off.
End = Literal["topformer.runner.end"]
END: End = "topformer.runner.end"
# Three days at most: three of them together, as milliseconds, are `rows.Milliseconds`.
LONGEST_NS = 3 * 10**14
Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_NS)]
OutputShapes = Annotated[
    tuple[Annotated[tuple[Positive, ...], msgspec.Meta(max_length=8)], ...],
    msgspec.Meta(max_length=64),
]


class SampleNs(Document, frozen=True, kw_only=True, array_like=True):
    """The three parts of one run from a picture in memory to its result."""

    preprocess: Nanoseconds
    # No clock tells less, and no ratio has zero below it.
    execute: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_NS)]
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
    threads: Positive
    # Height and width, for checkpoints only.
    image_size: tuple[Side, Side] | None
    # What `--picture` said, as bytes like `source`.
    picture: bytes | None = None
    warmups: Count


class RunnerFailure(
    Document, frozen=True, kw_only=True, tag_field="schema", tag="topformer.runner-error/1"
):
    """The runner could not do what it was asked."""

    # For programs: "usage", "file-unreadable", "model-refused", "crashed", ...; Python's are empty.
    code: ShortText
    what: str
    why: str
    next_step: str = ""
    end: End


class RunnerAbout(
    Document, frozen=True, kw_only=True, tag_field="schema", tag="topformer.runner-about/1"
):
    """What the runner is made of."""

    runtime: Literal["executorch"]
    runtime_version: ShortText
    compiler: ShortText
    build: Build | None = None
    end: End


class RunnerTensor(
    Document, frozen=True, kw_only=True, tag_field="schema", tag="topformer.runner-tensor/1"
):
    """The input stage ran alone."""

    tensor_sha256: Sha256
    end: End


class RunnerPostprocess(
    Document, frozen=True, kw_only=True, tag_field="schema", tag="topformer.runner-postprocess/1"
):
    """The last stage ran alone."""

    postprocess_ns: tuple[Nanoseconds, ...]
    result_sha256: Sha256
    end: End


class Opened(Document, frozen=True, kw_only=True):
    """A model that was opened, run once cold and warmed up."""

    runtime_version: ShortText
    model_sha256: Sha256
    threads: Positive
    # With an operator profile; the samples are then slower than they would be.
    profiled: bool
    load_ns: Nanoseconds
    output_shapes: OutputShapes
    # What every run begins with; null stands for an RGB picture of the network's input size.
    picture: StartingPicture | None = None
    # Null where the worker does not tell.
    build: Build | None = None
    # Of the little-endian outputs, one after the other, and the result of the last run.
    outputs_sha256: Sha256
    result_sha256: Sha256
    first: SampleNs
    warmups: tuple[SampleNs, ...]


class RunnerOpened(
    Opened, frozen=True, kw_only=True, tag_field="schema", tag="topformer.runner-opened/1"
):
    """The runner serves."""

    # The system loads the C++ runner's libraries before it can look at a clock.
    import_ns: Nanoseconds = 0
    # The Python worker's; the C++ runner reads none, and is told what it must know.
    manifest: Manifest | None = None
    end: End


class Measured(Document, frozen=True, kw_only=True):
    """One block of samples, in the order they were taken."""

    samples: Annotated[tuple[SampleNs, ...], msgspec.Meta(min_length=1)]
    warmups: tuple[SampleNs, ...]
    # Processor time of the whole process during the block, warm-ups included.
    cpu_ns: Nanoseconds
    # The most memory the process ever had resident.
    peak_memory_bytes: Count


class RunnerBlock(
    Measured, frozen=True, kw_only=True, tag_field="schema", tag="topformer.runner-block/1"
):
    """The runner has taken one block of samples."""

    warmups: tuple[SampleNs, ...] = msgspec.field(name="block_warmups")
    end: End


class RunnerRun(Opened, frozen=True, kw_only=True, tag_field="schema", tag="topformer.runner/1"):
    """One whole run: opened, warmed up, and one block of samples."""

    block_warmups: tuple[SampleNs, ...]
    samples: Annotated[tuple[SampleNs, ...], msgspec.Meta(min_length=1)]
    cpu_ns: Nanoseconds
    peak_memory_bytes: Count
    end: End


class RunnerFailureError(TopformerError):
    """The runner said that it could not do what it was asked, with a code for programs."""

    def __init__(self, failure: RunnerFailure) -> None:
        """Say what the runner said."""
        why = f"{failure.why} (code {failure.code})".lstrip() if failure.code else failure.why
        super().__init__(failure.what, why=why, next_step=failure.next_step)
        self.code = failure.code


RunnerDocument = (
    RunnerFailure
    | RunnerAbout
    | RunnerTensor
    | RunnerPostprocess
    | RunnerOpened
    | RunnerBlock
    | RunnerRun
)
ExpectedT = TypeVar(
    "ExpectedT", RunnerAbout, RunnerTensor, RunnerPostprocess, RunnerOpened, RunnerBlock, RunnerRun
)


def decode_document(line: bytes, expected: type[ExpectedT]) -> ExpectedT:
    """Read one line of the runner's output.

    Fields that a newer minor version adds are ignored. Raises `RunnerFailureError` for a failure
    that the runner reports, and `TopformerError` for anything that is not a whole document of the
    expected kind.
    """
    try:
        if len(line) > LINE_LIMIT_BYTES:
            raise ValueError(f"the line has more than {LINE_LIMIT_BYTES:,} bytes")
        fields = msgspec.json.decode(line, type=dict[str, object])
        fields["schema"] = without_minor(str(fields.get("schema")))
        document = msgspec.convert(fields, RunnerDocument)
    except (ValueError, RecursionError) as error:
        raise TopformerError(
            "The runner's answer is torn off or not one of its documents.", why=str(error)
        ) from error
    if isinstance(document, RunnerFailure):
        raise RunnerFailureError(document)
    if not isinstance(document, expected):
        raise TopformerError(
            "The runner answered out of turn.",
            why=f"It sent {type(document).__name__} where {expected.__name__} was due.",
        )
    return document


def session_options(
    manifest: Manifest,
    *,
    model: str | Path,
    picture: str | Path,
    starts_with: StartingPicture | None = None,
    threads: int,
    warmups: int,
) -> list[str]:
    """Options of `run` and `serve`: all that the runner must know comes from the manifest.

    `picture` is a file of raw RGB bytes, of the manifest's input size unless `starts_with` says
    another, which bundles from before it was added do not know. Both paths are the runner's.
    """
    info = manifest.input
    options = [
        f"--model={model}",
        f"--picture={picture}",
        f"--height={info.height}",
        f"--width={info.width}",
        f"--mean={','.join(map(repr, info.mean))}",
        f"--std={','.join(map(repr, info.std))}",
        f"--threads={threads}",
        f"--warmups={warmups}",
        *task_of(manifest).runner_options(),
    ]
    if starts_with is not None:
        size = f"--picture-height={starts_with.height}", f"--picture-width={starts_with.width}"
        options += size
    return options
