"""The worker of the runtime "runner": passes the host's commands on to the C++ runner.

Started like `topformer.benchmarks.workers.python`, and answers like it. It sleeps while the runner
measures.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from topformer.benchmarks.bundle.build import build_bundle, default_cache
from topformer.benchmarks.documents.messages import Load, Loaded, Measure, Measured
from topformer.benchmarks.documents.runner import (
    ExpectedT,
    RunnerBlock,
    RunnerOpened,
    decode_document,
    session_options,
)
from topformer.benchmarks.workers.python import answer, private_channels
from topformer.benchmarks.workers.replies import loaded_reply, measured_reply
from topformer.devices.pipes import LINE_LIMIT_BYTES
from topformer.errors import TopformerError
from topformer.images import bench_picture
from topformer.manifest import read_manifest_of

_END_GRACE_S = 2.0


def open_runner(command: Load, folder: Path) -> tuple[Loaded, Callable[[Measure], Measured]]:
    """Start the runner on a .pte, with its picture in `folder`, and say what it opened."""
    bundle = build_bundle("host", cache=default_cache(), on_stage=lambda _: None)
    manifest = read_manifest_of(Path(os.fsdecode(command.source)))
    picture = bench_picture(manifest.input.height, manifest.input.width)
    picture_path = folder / "picture.rgb"
    picture_path.write_bytes(picture.pixels.tobytes())
    options = session_options(
        manifest,
        model=Path(os.fsdecode(command.source)).resolve(),
        picture=picture_path,
        threads=command.threads,
        warmups=command.warmups,
    )
    runner = _Runner([*bundle.command, "serve", *options])
    opened = runner.read(RunnerOpened)
    return loaded_reply(manifest, picture.name, opened), runner.measure


class _Runner:
    """A runner that serves; it ends with this process, whose end closes its stdin."""

    def __init__(self, command: list[str]) -> None:
        # Its stderr is this worker's, which the host reads.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def measure(self, command: Measure) -> Measured:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{command.samples} {command.warmups}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail_ended()
        return measured_reply(self.read(RunnerBlock))

    def read(self, expected: type[ExpectedT]) -> ExpectedT:
        assert self._process.stdout is not None
        line = self._process.stdout.readline(LINE_LIMIT_BYTES + 1)
        if not line:
            self._fail_ended()
        return decode_document(line, expected)

    def _fail_ended(self) -> NoReturn:
        try:
            status = self._process.wait(timeout=_END_GRACE_S)
        except subprocess.TimeoutExpired:
            raise TopformerError("The runner closed its output and runs on.") from None
        raise TopformerError("The runner ended early.", why=f"Its exit status is {status}.")


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        answer(*private_channels(), opener=lambda command: open_runner(command, Path(scratch)))
