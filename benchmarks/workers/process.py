"""A row measured by a program that serves: asked one thing at a time, and killed in any case."""

import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

from topformer.benchmarks.bundle.build import build_bundle, default_cache
from topformer.benchmarks.documents.conditions import (
    Build,
    StartingPicture,
    told_or_input_size,
)
from topformer.benchmarks.documents.runner import (
    ExpectedT,
    Form,
    Load,
    Measured,
    Opened,
    RunnerBlock,
    RunnerFailureError,
    RunnerOpened,
    SampleNs,
    decode_document,
    session_options,
)
from topformer.benchmarks.workers.pictures import open_picture, picture_name, resized_from
from topformer.children import LINE_LIMIT_BYTES, Conversation, EndlessOutputError
from topformer.documents import encode_json
from topformer.errors import TopformerError
from topformer.interrupts import ctrl_c_held
from topformer.manifest import Manifest, read_manifest_of
from topformer.temporary import temporary_folder
from topformer.text import brief, printable

# -P keeps the working folder out of the worker's imports.
WORKER_COMMAND = (sys.executable, "-P", "-m", "topformer.benchmarks.workers.python")
# glibc hands large blocks back to the kernel or keeps them, and chance decides which when a process
# starts: one in five took half as long again to postprocess all its life, because every run
# faulted the same pages in anew. Told to keep them, all processes are alike. torch eager gains
# most (28 ms instead of 46 ms), so comparisons with it are the stricter for it.
ALLOCATOR_SETTINGS = {
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # the most that glibc takes
}
WHY_LIMIT = 1000


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


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a worker may stay silent, in seconds."""

    load_s: float = 300.0
    block_s: float = 300.0


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True, kw_only=True)
class Service:
    """A program that serves a row as `documents.runner` says."""

    command: Sequence[str]
    # Of the model that it opens; None where it tells that itself.
    manifest: Manifest | None = None
    # What it computed when that was checked, if it was.
    outputs_sha256: str | None = None


class ProcessWorker:
    """One row, as a `rounds.Worker`, measured by a program that serves; every error names it.

    The program and its children are dead when the context ends, however it ends.
    """

    advice = "Run `topformer doctor` to see whether this runtime works here at all."

    def __init__(
        self,
        request: RowRequest,
        prepare: Callable[[int], Service],
        *,
        device: str = "",
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        """Describe the row; nothing runs before `load`, which tells `prepare` the warm-ups."""
        self.request = request
        self._prepare = prepare
        self._row = f"The row {request.name!r}" + (f" on {device}" if device else "")
        self._patience = patience
        self.conversation: Conversation | None = None

    def load(self, *, warmups: int) -> Loaded:
        """Open the model, run it once cold, and warm it up; raises `TopformerError`."""
        try:
            service = self._prepare(warmups)
        except TopformerError as error:
            raise self._not_measured(error) from error
        with ctrl_c_held():
            self.conversation = self._start(service.command)
        opened = self._read(RunnerOpened, timeout_s=self._patience.load_s)
        if service.outputs_sha256 not in {None, opened.outputs_sha256}:
            self._fail(
                "computes something else than when it was checked",
                f"Its outputs' SHA-256 is {opened.outputs_sha256}; {service.outputs_sha256} was "
                "checked.",
            )
        manifest = service.manifest or opened.manifest
        if manifest is None:
            self._fail("does not say what it opened", "Its answer holds no manifest.")
        loaded = describe_loaded(self.request, manifest, opened, import_ns=opened.import_ns)
        if opened.model_sha256 != loaded.sha256:
            self._fail(
                "opened another file than was asked for",
                f"Its SHA-256 is {opened.model_sha256}; the manifest says {loaded.sha256}.",
            )
        return loaded

    def _start(self, command: Sequence[str]) -> Conversation:
        return Conversation(command, environment={**os.environ, **ALLOCATOR_SETTINGS})

    def measure(self, *, samples: int, warmups: int) -> Measured:
        """Take one block of samples; raises `TopformerError` when the worker fails."""
        assert self.conversation is not None
        try:
            self.conversation.send(f"{samples} {warmups}\n".encode())
        except BrokenPipeError:
            self._fail_ended()
        block = self._read(RunnerBlock, timeout_s=self._patience.block_s)
        if (len(block.samples), len(block.warmups)) != (samples, warmups):
            self._fail("broke off", f"It sent {len(block.samples)} of {samples} samples.")
        return block

    def _read(self, expected: type[ExpectedT], *, timeout_s: float) -> ExpectedT:
        assert self.conversation is not None
        try:
            return decode_document(self.conversation.read_line(timeout_s=timeout_s), expected)
        except TimeoutError:
            self._fail("hangs", f"It gave no answer within {timeout_s:g} s.")
        except EndlessOutputError:
            self._fail("sent an endless line", f"The limit is {LINE_LIMIT_BYTES:,} bytes.")
        except EOFError:
            self._fail_ended()
        except RunnerFailureError as error:
            raise self._not_measured(error) from error
        except TopformerError as error:
            why = f"{error.what} {brief(error.why, WHY_LIMIT)}"
            self._fail("answered with something else than a result", why)

    def _not_measured(self, error: TopformerError) -> TopformerError:
        return TopformerError(
            f"{self._row} could not be measured: {brief(error.what, WHY_LIMIT)}",
            why=brief(error.why, WHY_LIMIT, lines=True),
            next_step=error.next_step,
        )

    def _fail_ended(self) -> NoReturn:
        assert self.conversation is not None
        status = self.conversation.exit_status()
        if status is None:
            self._fail("closed its output", "It runs on without answering.")
        # What ran on a device ends as in a shell: with 128 and the signal's number.
        number = -status if status < 0 else status - 128
        if number > 0:
            self._fail("crashed", f"It was killed by {_signal_name(number)}.")
        self._fail("ended early", f"Its exit status is {status}.")

    def _fail(self, what: str, why: str) -> NoReturn:
        assert self.conversation is not None
        self.conversation.kill()
        tail = printable(self.conversation.stderr_tail(), lines=True)
        raise TopformerError(
            f"{self._row} {what}.",
            why=f"{why} The end of its stderr:\n{tail}" if tail else why,
            next_step=self.advice,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.conversation is not None:
            self.conversation.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


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


@contextmanager
def start_worker(
    request: RowRequest,
    *,
    command: Sequence[str] = WORKER_COMMAND,
    patience: Patience = DEFAULT_PATIENCE,
) -> Generator[ProcessWorker]:
    """Measure a row on this machine; its process is dead when the context ends, however it ends."""

    def prepare(warmups: int) -> Service:
        if request.runtime == "runner":
            return _runner_service(request, folder, warmups)
        load = Load(
            source=os.fsencode(request.source),
            form=request.form,
            threads=request.threads,
            image_size=request.image_size,
            picture=None if request.picture is None else os.fsencode(request.picture),
            warmups=warmups,
        )
        return Service(command=[*command, encode_json(load).decode()])

    with (
        temporary_folder() as folder,
        ProcessWorker(request, prepare, patience=patience) as worker,
    ):
        yield worker


def _runner_service(request: RowRequest, folder: Path, warmups: int) -> Service:
    model = Path(request.source)
    bundle = build_bundle("host", cache=default_cache(), on_progress=lambda _: None)
    manifest = read_manifest_of(model)
    picture = open_picture(request.picture, manifest.input)
    raw = folder / "picture.rgb"
    raw.write_bytes(picture.pixels.tobytes())
    options = session_options(
        manifest,
        model=model,
        picture=raw,
        starts_with=resized_from(picture, manifest.input),
        threads=request.threads,
        warmups=warmups,
    )
    return Service(command=[*bundle.command, "serve", *options], manifest=manifest)
