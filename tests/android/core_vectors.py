"""What Python says, for the tests of the app's core, in whose resources it lies.

`python tests/android/core_vectors.py` writes it. Bytes are base64, numbers in them little-endian.
Pictures and planes that go in are not stored: their byte `i` is the top one of the low 32 bits of
i * 2654435761.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from manifest_sample import SAMPLE

from topformer.labels import upsample_labels
from topformer.manifest import Manifest, encode_manifest
from topformer.preprocess import input_info, to_tensor

RESOURCES = Path(__file__).parents[2] / "android_app" / "core" / "src" / "test" / "resources"
INPUT = input_info(24, 40)


def scattered(*shape: int) -> np.ndarray:
    values = np.arange(np.prod(shape), dtype=np.uint32) * np.uint32(2654435761)
    return (values >> np.uint32(24)).astype(np.uint8).reshape(shape)


def resized_levels(tensor: np.ndarray) -> bytes:
    """Undo the normalisation: rows of RGB from 0 to 255."""
    levels = tensor[0] * np.reshape(INPUT.std, (3, 1, 1)) + np.reshape(INPUT.mean, (3, 1, 1))
    return np.rint(levels).astype(np.uint8).transpose(1, 2, 0).tobytes()


# Pillow 13 resizes tall pictures along the columns first, which rounds otherwise than the versions
# before. No size here is so tall.
def pictures() -> Iterator[dict[str, Any]]:
    sizes = [(24, 40), (31, 77), (9, 11), (1, 1), (3, 100), (23, 41), (480, 640)]
    for height, width in sizes:
        tensor = to_tensor(scattered(height, width, 3), INPUT)
        yield {
            "height": height,
            "width": width,
            "levels": resized_levels(tensor),
            "tensor_sha256": hashlib.sha256(tensor.astype("<f4").tobytes()).hexdigest(),
        }


def frames() -> Iterator[dict[str, Any]]:
    turns = [(turn, mirror) for turn in (0, 90, 180, 270) for mirror in (False, True)]
    for height, width, turn, mirror in [
        *((61, 59, *each) for each in turns),
        (480, 640, 90, True),
        (24, 40, 0, False),
    ]:
        rgb = np.rot90(rgb_of_frame(height, width), -turn // 90)
        tensor = to_tensor(rgb[:, ::-1] if mirror else rgb, INPUT)
        yield {
            "height": height,
            "width": width,
            "rotation_degrees": turn,
            "mirror": mirror,
            "levels": resized_levels(tensor),
        }


def rgb_of_frame(height: int, width: int) -> np.ndarray:
    """JFIF's formula (ITU-T T.871, clause 7) in float64; a chroma sample stands for four pixels.

    The planes Y, U and V are consecutive bytes.
    """
    small = (-(-height // 2), -(-width // 2))
    planes = scattered(height * width + 2 * small[0] * small[1])
    y, cb, cr = np.split(planes, [height * width, height * width + small[0] * small[1]])
    y = y.reshape(height, width).astype(np.float64)
    cb, cr = (
        plane.reshape(small).repeat(2, 0).repeat(2, 1)[:height, :width] - 128.0
        for plane in (cb, cr)
    )
    rgb = [y + 1.402 * cr, y - (0.114 * 1.772 * cb + 0.299 * 1.402 * cr) / 0.587, y + 1.772 * cb]
    return np.clip(np.rint(np.stack(rgb, axis=2)), 0, 255).astype(np.uint8)


def label_pictures() -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(6)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    def spoilt(logits: np.ndarray, *values: float) -> np.ndarray:
        for value in values:
            logits[random.random(logits.shape) < 0.1] = value
        return logits

    smooth = normal(19, 3, 4).repeat(3, 1).repeat(3, 2)
    cases: dict[str, tuple[np.ndarray, tuple[int, int]]] = {
        "smooth": (smooth + 0.1 * normal(*smooth.shape), (72, 96)),
        "noise": (normal(12, 6, 6), (50, 41)),
        "ties": (random.integers(0, 3, (8, 4, 4)).astype(np.float32), (32, 32)),
        "rounded ties": ((normal(8, 5, 5) * 2).round() / 10, (33, 31)),
        "constant": (np.full((4, 3, 3), 0.1, np.float32), (10, 10)),
        "one cell": (normal(3, 1, 1), (40, 5)),
        "one class": (normal(1, 3, 2), (7, 9)),
        "shrunk": (normal(5, 12, 10), (7, 4)),
        "same size": (spoilt(normal(6, 9, 8), np.inf), (9, 8)),
        "infinite": (spoilt(normal(5, 5, 5), np.inf, -np.inf), (20, 24)),
        "nan": (spoilt(normal(5, 5, 5), np.nan, np.inf), (21, 19)),
        "huge": (normal(6, 4, 4) * np.float32(3e37), (30, 30)),
        "300 classes": (normal(300, 2, 3), (16, 24)),
    }
    for name, (logits, size) in cases.items():
        labels = upsample_labels(logits[None], size)[0]
        yield {
            "name": name,
            "shape": logits.shape,
            "height": size[0],
            "width": size[1],
            "logits": logits.astype("<f4").tobytes(),
            "labels": labels.astype("<u2").tobytes(),
        }


# One of each kind of JSON, and numbers at the edges of what fields may hold.
STRANGERS = [None, True, "x", "AAA", [], {}, -1, 0, 1, 1.0, 0.5, 4096, 4097, 65535, 65536]


def edits() -> Iterator[tuple[int, int, str, bool]]:
    """Change every value, leave out every member, add one everywhere; and ask Python what it takes.

    An edit is where in the sample, how many characters go, what comes, and whether the app can use
    the result.
    """
    sample = encode_manifest(SAMPLE).decode()
    for edited in _edited(json.loads(sample)):
        text = json.dumps(edited, indent=2, ensure_ascii=False) + "\n"
        before = _common(sample, text)
        after = _common(sample[before:][::-1], text[before:][::-1])
        yield before, len(sample) - before - after, text[before : len(text) - after], _usable(text)


def _common(one: str, other: str) -> int:
    """Count the characters by which both begin."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _edited(value: Any) -> Iterator[Any]:
    yield from STRANGERS
    if isinstance(value, str):
        yield from ("y" * 1000, "y" * 1001)
    if isinstance(value, dict):
        yield value | {"unknown": 1}
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            yield from (value | {key: other} for other in _edited(value[key]))
    if isinstance(value, list):
        yield [*value, *value[-1:]]
        if value:
            yield from ([other, *value[1:]] for other in _edited(value[0]))


def _usable(text: str) -> bool:
    try:
        return msgspec.json.decode(text.encode(), type=Manifest).file is not None
    except msgspec.DecodeError:
        return False


def vectors() -> dict[str, bytes]:
    """Return the content of every file, by name."""
    documents: dict[str, Any] = {
        "preprocess.json": {
            "mean": INPUT.mean,
            "std": INPUT.std,
            "height": INPUT.height,
            "width": INPUT.width,
            "pictures": list(pictures()),
            "frames": list(frames()),
        },
        "labels.json": list(label_pictures()),
    }
    written = {
        name: msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        for name, document in documents.items()
    }
    lines = b",\n".join(map(msgspec.json.encode, edits()))
    return written | {
        "manifest.json": encode_manifest(SAMPLE),
        "manifest-edits.json": b"[\n" + lines + b"\n]\n",
    }


if __name__ == "__main__":
    RESOURCES.mkdir(parents=True, exist_ok=True)
    for name, content in vectors().items():
        (RESOURCES / name).write_bytes(content)
