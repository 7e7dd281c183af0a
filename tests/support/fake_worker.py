"""A real worker around a fake model, and workers that misbehave; run as `fake_worker.py HOW`."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from topformer.benchmarks.documents.messages import Load
from topformer.benchmarks.workers import python as worker
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


def open_fake(command: Load) -> worker.Opened:
    if command.source == b"refused":
        raise TopformerError("The file is refused.", why="It is fake.", next_step="Buy a real one.")
    pixels = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    return worker.Opened(
        subject=FakeModel(),
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
    if how == "hang":
        time.sleep(600)
    if how == "garbage":
        os.write(1, b'{"type": "loaded", "nonsense": \xff}\n')
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
    misbehave(sys.argv[1])
    channels = worker.private_channels()
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(str(os.getpid()))
    worker.serve(*channels, opener=open_fake)
