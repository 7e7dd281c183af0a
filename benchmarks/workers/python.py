"""The worker: one process that runs one model with one thread count and times it.

Started as `python -m topformer.benchmarks.workers.python`, it takes commands on stdin and answers
on stdout, one JSON object a line, until stdin ends. Nothing else reaches its stdout.
"""

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from topformer.benchmarks.documents.messages import (
    Failed,
    Load,
    Loaded,
    Measure,
    Measured,
    SampleNs,
    decode_command,
    encode_line,
)
from topformer.devices.pipes import LINE_LIMIT_BYTES
from topformer.errors import TopformerError
from topformer.images import BenchPicture, bench_picture
from topformer.manifest import Manifest
from topformer.tasks import Outputs, Task


class Subject(Protocol):
    """The part of `topformer.runtimes.OpenedModel` that is measured."""

    @property
    def manifest(self) -> Manifest:
        """The description of the model."""
        ...

    @property
    def task(self) -> Task[Any]:
        """What the outputs mean."""
        ...

    def preprocess(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB [H, W, 3] -> the normalised input tensor [1, 3, h, w]."""
        ...

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Normalised RGB [1, 3, h, w] -> every output."""
        ...


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A subject, what it is shown, and what it took to open it."""

    subject: Subject
    picture: BenchPicture
    import_ns: int
    load_ns: int


def open_subject(command: Load) -> Opened:
    """Import the runtime, then open the model with its threads set before it is loaded."""
    from topformer.runtimes import find_runtime, open_model  # noqa: PLC0415

    source = os.fsdecode(command.source)
    runtime = find_runtime(source)
    start = time.perf_counter_ns()
    for library in runtime.libraries if runtime else ("torch",):
        import_module(library)
    imported = time.perf_counter_ns()
    model = open_model(source, image_size=command.image_size, threads=command.threads)
    if command.form == "fused":
        from topformer.fusion import fuse  # noqa: PLC0415
        from topformer.runtimes.torch_network import TorchNetwork  # noqa: PLC0415

        assert isinstance(model.network, TorchNetwork)
        model = replace(model, network=TorchNetwork(fuse(model.network.model)))
    loaded = time.perf_counter_ns()
    return Opened(
        subject=model,
        picture=bench_picture(model.manifest.input.height, model.manifest.input.width),
        import_ns=imported - start,
        load_ns=loaded - imported,
    )


# Opens a model, and returns what it is and the way to measure it.
Opener = Callable[[Load], tuple[Loaded, Callable[[Measure], Measured]]]


def answer(commands: BinaryIO, replies: BinaryIO, *, opener: Opener) -> None:
    """Answer commands until they end; an error that can be explained is the last answer."""
    measure: Callable[[Measure], Measured] | None = None
    for line in iter(lambda: commands.readline(LINE_LIMIT_BYTES), b""):
        try:
            command = decode_command(line)
            if isinstance(command, Load):
                reply, measure = opener(command)
            elif measure is not None:
                reply = measure(command)
            else:
                raise TopformerError("The worker has nothing loaded to measure.")
        except TopformerError as error:
            reply = Failed(what=error.what, why=error.why, next_step=error.next_step)
        except msgspec.DecodeError as error:
            reply = Failed(what="The worker was sent no command.", why=str(error), next_step="")
        replies.write(encode_line(reply))
        replies.flush()
        if isinstance(reply, Failed):
            return


def serve(
    commands: BinaryIO, replies: BinaryIO, *, opener: Callable[[Load], Opened] = open_subject
) -> None:
    """Answer commands about a subject in this process."""

    def open_here(command: Load) -> tuple[Loaded, Callable[[Measure], Measured]]:
        opened = opener(command)
        return _introduce(command, opened), lambda measure: _measure(measure, opened)

    answer(commands, replies, opener=open_here)


def _introduce(command: Load, opened: Opened) -> Loaded:
    """Say what was opened, after running it once cold and then warm."""
    manifest = opened.subject.manifest
    return Loaded(
        model=manifest.file.name if manifest.file else Path(os.fsdecode(command.source)).name,
        sha256=manifest.file.sha256 if manifest.file else manifest.weights.sha256,
        variant=manifest.model.variant,
        classes=manifest.model.num_classes,
        weights_name=manifest.weights.name,
        weights_random=manifest.weights.is_random,
        precision=manifest.file.precision if manifest.file else "fp32",
        image_size=(manifest.input.height, manifest.input.width),
        picture=opened.picture.name,
        import_ns=opened.import_ns,
        load_ns=opened.load_ns,
        first=time_once(opened.subject, opened.picture.pixels),
        warmups=_take(opened, command.warmups),
    )


def _measure(command: Measure, opened: Opened) -> Measured:
    cpu_start = time.process_time_ns()
    warmups = _take(opened, command.warmups)
    samples = _take(opened, command.samples)
    return Measured(
        samples=samples,
        warmups=warmups,
        cpu_ns=time.process_time_ns() - cpu_start,
        peak_memory_bytes=peak_memory_bytes(),
    )


def _take(opened: Opened, count: int) -> tuple[SampleNs, ...]:
    return tuple(time_once(opened.subject, opened.picture.pixels) for _ in range(count))


def time_once(subject: Subject, picture: NDArray[np.uint8]) -> SampleNs:
    """Time one run from a picture [H, W, 3] in memory to its result."""
    height, width = picture.shape[:2]
    start = time.perf_counter_ns()
    tensor = subject.preprocess(picture)
    preprocessed = time.perf_counter_ns()
    outputs = subject.run(tensor)
    executed = time.perf_counter_ns()
    subject.task.postprocess(outputs, (height, width))
    postprocessed = time.perf_counter_ns()
    return SampleNs(
        preprocess=preprocessed - start,
        execute=executed - preprocessed,
        postprocess=postprocessed - executed,
    )


def peak_memory_bytes() -> int:
    """The most memory this process ever had resident."""
    try:
        # Linux hands the parent's peak to its child's getrusage, but not to this figure.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        # Bytes on macOS.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def private_channels() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for the host; a library that prints writes to stderr instead."""
    commands, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(commands, "rb"), os.fdopen(replies, "wb")


if __name__ == "__main__":
    serve(*private_channels())
