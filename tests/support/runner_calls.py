"""The built runner, called with arrays in place of files."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from topformer.benchmarks.documents.runner import (
    RunnerFailure,
    RunnerPostprocess,
    RunnerTensor,
    decode_document,
)
from topformer.files import sha256_bytes
from topformer.tasks import output_bytes


@dataclass(frozen=True, kw_only=True)
class Runner:
    command: list[str]
    folder: Path

    def call(self, *arguments, **options) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.command, *map(str, arguments)],
            check=False,
            capture_output=True,
            timeout=120,
            **options,
        )

    def refusal(self, *arguments, status: int, **options) -> RunnerFailure:
        done = self.call(*arguments, **options)
        assert done.returncode == status, done
        assert done.stdout.count(b"\n") == 1
        return msgspec.json.decode(done.stdout, type=RunnerFailure)

    def labels(self, logits, size) -> np.ndarray:
        """[1, c, h, w] -> [1, H, W]."""
        return np.frombuffer(self.result([logits], size), "<u2").reshape(1, *size)

    def result(self, outputs, size, *options) -> bytes:
        """Outputs [1, c, h, w], and the input's size -> what the runner writes."""
        source, target = self.folder / "outputs", self.folder / "result"
        source.write_bytes(output_bytes(outputs))
        shapes = ["x".join(map(str, output.shape[1:])) for output in outputs]
        done = self.call(
            "postprocess", f"--outputs={source}", f"--shapes={','.join(shapes)}",
            f"--height={size[0]}", f"--width={size[1]}", "--samples=1",
            f"--write-result={target}", *options,
        )  # fmt: skip
        document = decode_document(done.stdout, RunnerPostprocess)
        result = target.read_bytes()
        assert document.result_sha256 == sha256_bytes(result)
        return result

    def tensor(self, picture, info) -> tuple[np.ndarray, RunnerTensor]:
        """[H, W, 3] -> [1, 3, h, w]."""
        source, target = self.folder / "picture", self.folder / "tensor"
        picture.tofile(source)
        height, width = picture.shape[:2]
        done = self.call(
            "preprocess", f"--picture={source}", f"--picture-height={height}",
            f"--picture-width={width}", f"--height={info.height}", f"--width={info.width}",
            f"--mean={','.join(map(repr, info.mean))}", f"--std={','.join(map(repr, info.std))}",
            f"--write-tensor={target}",
        )  # fmt: skip
        document = decode_document(done.stdout, RunnerTensor)
        return np.fromfile(target, "<f4").reshape(info.shape), document
