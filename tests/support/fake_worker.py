"""A real worker around a fake model, and workers that misbehave.

Run as `fake_worker.py HOW [PID_FILE] LOAD`.
"""

import os
import signal
import sys
import time
from pathlib import Path

import msgspec
import numpy as np

from topformer.benchmarks.documents.runner import Load
from topformer.benchmarks.workers import python as worker
from topformer.children import private_channels
from topformer.errors import TopformerError
from topformer.images import BenchPicture
from topformer.manifest import (
    Classes,
    InputInfo,
    Manifest,
    ModelInfo,
    OutputInfo,
    WeightsInfo,
)
from topformer.tasks import task_of

SIDE_PX = 64


def fake_manifest() -> Manifest:
    return Manifest(
        model=ModelInfo(variant="tiny", num_classes=2, fused_channels=8, depthwise_head=True),
        weights=WeightsInfo(
            name="random", sha256="0" * 64, licence="none", source="a test", random_seed=0
        ),
        input=InputInfo(height=SIDE_PX, width=SIDE_PX, mean=(0, 0, 0), std=(1, 1, 1)),
        outputs=(OutputInfo(meaning="logits", shape=(1, 2, SIDE_PX // 8, SIDE_PX // 8), stride=8),),
        classes=Classes(dataset="test", names=("a", "b"), palette=((0, 0, 0), (1, 1, 1))),
    )


class FakeModel:
    manifest = fake_manifest()
    task = task_of(manifest)

    def preprocess(self, picture):
        print("a library that prints")  # noqa: T201
        os.write(1, b"and one that does so from C\n")
        return picture[None].transpose(0, 3, 1, 2).astype(np.float32)

    def run(self, tensor):
        time.sleep(0.001)
        return [tensor[:, :2, ::8, ::8]]


def open_fake(command: Load) -> worker.TimedOpening:
    if command.source == b"refused":
        raise TopformerError(
            "The file is refused.", why="It is fake.\nAll of it.", next_step="Buy a real one."
        )
    pixels = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    return worker.TimedOpening(
        model=FakeModel(),
        runtime_version="1.0",
        picture=BenchPicture(name="black", pixels=pixels),
        import_ns=1_000_000,
        load_ns=2_000_000,
    )


def misbehave(how: str) -> None:
    if how == "exit":
        sys.stderr.write("cannot find the library\n")
        sys.exit(3)
    if how == "crash":
        sys.stderr.write("about to crash\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "lost":
        sys.exit(255)
    if how == "hang":
        time.sleep(600)
    if how == "garbage":
        os.write(1, b'{"schema": "topformer.runner-opened/1", "nonsense": \xff}\n')
        time.sleep(600)
    if how == "torn":
        os.write(1, b'{"schema":"topformer.runner-opened/1","load_ns":\n')
        time.sleep(600)
    if how == "out of turn":
        block = {"block_warmups": [], "samples": [[1, 1, 1]], "cpu_ns": 1, "peak_memory_bytes": 1}
        block |= {"schema": "topformer.runner-block/1", "end": "topformer.runner.end"}
        os.write(1, msgspec.json.encode(block) + b"\n")
        time.sleep(600)
    if how == "endless":
        while True:
            os.write(1, b"x" * 2**16)
    if how == "close":
        os.close(1)
        time.sleep(600)
    if how == "stderr":
        os.write(2, b"noise\n" * 200_000)


if __name__ == "__main__":
    how, *pid_files, load = sys.argv[1:]
    misbehave(how)
    channels = private_channels()
    for path in pid_files:
        Path(path).write_text(str(os.getpid()))
    worker.serve(*channels, msgspec.json.decode(load, type=Load), opener=open_fake)
