"""The Python worker: one process that runs one model with one thread count and times it.

Started as `python -m topformer.benchmarks.workers.python LOAD`, with a `Load` as JSON, it
serves as the C++ runner does, in the documents of `documents.runner`, until stdin ends. Nothing
else reaches its stdout.
"""

import os
import platform
import re
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from topformer.benchmarks.documents.conditions import Build
from topformer.benchmarks.documents.runner import (
    END,
    Load,
    RunnerBlock,
    RunnerFailure,
    RunnerOpened,
    SampleNs,
)
from topformer.benchmarks.workers.pictures import open_picture, starting_picture
from topformer.children import private_channels
from topformer.devices.machine import library_versions
from topformer.documents import Document, encode_json
from topformer.errors import TopformerError
from topformer.files import sha256_bytes
from topformer.images import BenchPicture
from topformer.manifest import Manifest
from topformer.tasks import Outputs, Task, output_bytes

_REQUEST = re.compile(rb"([1-9]\d{0,5}) (\d{1,6})\n?")
# "50000 50000", with something to spare.
_REQUEST_LIMIT_BYTES = 64


class MeasuredModel(Protocol):
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
class TimedOpening:
    """A model that was opened, what it is shown, and what it took to open it."""

    model: MeasuredModel
    runtime_version: str
    picture: BenchPicture
    import_ns: int
    load_ns: int


def open_timed(load: Load) -> TimedOpening:
    """Import the runtime, then open the model with its threads set before it is loaded."""
    from topformer.runtimes import find_runtime, open_model  # noqa: PLC0415

    source = os.fsdecode(load.source)
    runtime = find_runtime(source)
    libraries = runtime.libraries if runtime else ("torch",)
    start = time.perf_counter_ns()
    for library in libraries:
        import_module(library)
    imported = time.perf_counter_ns()
    model = open_model(source, image_size=load.image_size, threads=load.threads, tried=True)
    if load.form == "fused":
        from topformer.fusion import fuse  # noqa: PLC0415
        from topformer.runtimes.torch_network import TorchNetwork  # noqa: PLC0415

        assert isinstance(model.network, TorchNetwork)
        model = replace(model, network=TorchNetwork(fuse(model.network.model)))
    opened = time.perf_counter_ns()
    return TimedOpening(
        model=model,
        runtime_version=library_versions().get(runtime.name if runtime else "torch", ""),
        picture=open_picture(
            None if load.picture is None else os.fsdecode(load.picture), model.manifest.input
        ),
        import_ns=imported - start,
        load_ns=opened - imported,
    )


def serve(
    requests: BinaryIO,
    replies: BinaryIO,
    load: Load,
    *,
    opener: Callable[[Load], TimedOpening] = open_timed,
) -> None:
    """Open a model, then measure it until requests end; an error is explained, and the last."""

    def reply(document: Document) -> None:
        replies.write(encode_json(document) + b"\n")
        replies.flush()

    try:
        opened = opener(load)
        reply(_introduce(load, opened))
        for line in iter(lambda: requests.readline(_REQUEST_LIMIT_BYTES), b""):
            reply(_measure(line, opened))
    except TopformerError as error:
        why, next_step = error.why, error.next_step
        reply(RunnerFailure(code="", what=error.what, why=why, next_step=next_step, end=END))


def _introduce(load: Load, opened: TimedOpening) -> RunnerOpened:
    """Say what was opened, after running it once cold and then warm."""
    manifest = opened.model.manifest
    first, outputs, result = time_once(opened.model, opened.picture.pixels)
    return RunnerOpened(
        runtime_version=opened.runtime_version,
        model_sha256=manifest.file.sha256 if manifest.file else manifest.weights.sha256,
        threads=load.threads,
        profiled=False,
        load_ns=opened.load_ns,
        output_shapes=tuple(output.shape for output in outputs),
        picture=starting_picture(opened.picture),
        build=Build(kind="pypi", c_library=platform.libc_ver()[0] or platform.system()),
        outputs_sha256=sha256_bytes(output_bytes(outputs)),
        result_sha256=sha256_bytes(opened.model.task.encode(result)),
        first=first,
        warmups=_take(opened, load.warmups),
        import_ns=opened.import_ns,
        manifest=manifest,
        end=END,
    )


def _measure(line: bytes, opened: TimedOpening) -> RunnerBlock:
    request = _REQUEST.fullmatch(line)
    if request is None:
        raise TopformerError(
            "The worker was sent no request.", why="One is two numbers: samples and warm-ups."
        )
    cpu_start = time.process_time_ns()
    warmups = _take(opened, int(request[2]))
    samples = _take(opened, int(request[1]))
    return RunnerBlock(
        samples=samples,
        warmups=warmups,
        cpu_ns=time.process_time_ns() - cpu_start,
        peak_memory_bytes=peak_memory_bytes(),
        end=END,
    )


def _take(opened: TimedOpening, count: int) -> tuple[SampleNs, ...]:
    return tuple(time_once(opened.model, opened.picture.pixels)[0] for _ in range(count))


def time_once(model: MeasuredModel, picture: NDArray[np.uint8]) -> tuple[SampleNs, Outputs, Any]:
    """Time one run from a picture [H, W, 3] in memory to its result at the network's input size.

    Returns outputs and result too.
    """
    info = model.manifest.input
    start = time.perf_counter_ns()
    tensor = model.preprocess(picture)
    preprocessed = time.perf_counter_ns()
    outputs = model.run(tensor)
    executed = time.perf_counter_ns()
    result = model.task.postprocess(outputs, (info.height, info.width))
    postprocessed = time.perf_counter_ns()
    sample = SampleNs(
        preprocess=preprocessed - start,
        execute=executed - preprocessed,
        postprocess=postprocessed - executed,
    )
    return sample, outputs, result


def peak_memory_bytes() -> int:
    """The most memory this process ever had resident."""
    try:
        # Linux hands the parent's peak to its child's getrusage, but not to this figure.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # Bytes on macOS, kibibytes elsewhere.
        return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    serve(*private_channels(), msgspec.json.decode(sys.argv[1], type=Load))
