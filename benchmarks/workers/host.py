"""Rows on this machine: measured by Python's worker, or by the C++ runner."""

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from topformer.benchmarks.bundle.build import build_bundle, default_cache
from topformer.benchmarks.documents.runner import Load, session_options
from topformer.benchmarks.workers.pictures import open_picture, resized_from
from topformer.benchmarks.workers.process import (
    DEFAULT_PATIENCE,
    Patience,
    ProcessWorker,
    Service,
)
from topformer.benchmarks.workers.rows import RowRequest
from topformer.documents import encode_json
from topformer.manifest import read_manifest_of
from topformer.temporary import temporary_folder

# -P keeps the working folder out of the worker's imports.
WORKER_COMMAND = (sys.executable, "-P", "-m", "topformer.benchmarks.workers.python")


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
