"""Exported files with changed bytes, which their manifests vouch for: an error or an answer.

`FUZZ_COUNT` is how many of each kind are tried, and `FUZZ_SEED` which.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from support.vouching import vouch_for

COUNT = int(os.environ.get("FUZZ_COUNT", "2"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
MEMORY_LIMIT_BYTES = 10**9
# Before the weights.
STRUCTURE_BYTES = 60_000
# Between two processes, because the peak of this one would count as that of its child.
MEASURED = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
EXTREMES = (b"\0" * 8, b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\0\0\0\x80" * 2)


@pytest.fixture(params=[".pte", ".onnx"])
def exported(request, random_export) -> Path:
    return next((random_export[0] / "out").glob(f"*{request.param}"))


def structure(path: Path) -> list[int]:
    """Say which bytes are no weights: there a reader must be careful."""
    data = path.read_bytes()
    if path.suffix == ".pte":
        return list(range(STRUCTURE_BYTES))
    places, start = [], 0
    weights = [tensor.raw_data for tensor in onnx.load_from_string(data).graph.initializer]
    for found in sorted(data.find(values) for values in weights if len(values) > 64):
        if found >= start:
            places += range(start, found)
            start = found + next(len(one) for one in weights if data.startswith(one, found) and one)
    return [*places, *range(start, len(data))]


def change(original: bytes, places: list[int], draw: random.Random) -> bytes:
    data = bytearray(original)
    for _ in range(draw.randint(1, 4)):
        place = draw.choice(places) if draw.random() < 0.9 else draw.randrange(len(data))
        kind = draw.random()
        if kind < 0.6:
            data[place] = draw.randrange(256)
        elif kind < 0.8:
            data[place] ^= 1 << draw.randrange(8)
        else:
            extreme = draw.choice(EXTREMES)
            data[place : place + len(extreme)] = extreme
    if draw.random() < 0.05:
        del data[draw.randrange(1, len(data)) :]
    return bytes(data)


def predict(path: Path, picture: Path, out: Path) -> tuple[int, str, int]:
    """Return status, stderr and the most memory that it or its children had."""
    words = ["predict", str(picture), "--model", str(path), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, sys.executable, "-P", "-m", "topformer", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    status, memory_kib = map(int, done.stdout.split()[-2:])
    return status, done.stderr, memory_kib * 1024


@pytest.mark.parametrize("number", range(COUNT))
def test_changed_bytes_are_an_error_or_an_answer(number, exported, tmp_path):
    path, picture = tmp_path / exported.name, tmp_path / "picture.png"
    shutil.copy(exported.with_suffix(".json"), path.with_suffix(".json"))
    draw = random.Random(f"{SEED} {number} {exported.suffix}")
    path.write_bytes(change(exported.read_bytes(), structure(exported), draw))
    manifest = vouch_for(path)
    Image.fromarray(np.full((48, 80, 3), 120, np.uint8)).save(picture)
    status, said, memory_bytes = predict(path, picture, tmp_path / "out")
    assert status in {0, 1}, said
    assert "Traceback" not in said
    assert memory_bytes < MEMORY_LIMIT_BYTES
    if status == 1:
        error, _, rest = said.partition("error: ")[2].partition("\n")
        assert str(path) in error
        assert "  why: " in rest
        assert " next: " in rest
    else:
        labels = np.asarray(Image.open(tmp_path / "out/picture.labels.png"))
        assert labels.shape == (48, 80)
        assert labels.max() < manifest.model.num_classes
