"""Rebuild the inputs, labels and sample positions of the golden vectors, bit for bit."""

import numpy as np
from numpy.typing import NDArray


def _hash(count: int, seed: int) -> NDArray[np.uint32]:
    """Element i depends on i and the seed only; arithmetic wraps at 32 bits on purpose."""
    u32 = np.uint32

    def mix(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
        values = (values ^ (values >> u32(15))) * u32(2246822519)
        values = (values ^ (values >> u32(13))) * u32(3266489917)
        return values ^ (values >> u32(16))

    start = mix(np.array([seed], u32) * u32(40503) + u32(1))
    return mix(np.arange(count, dtype=u32) * u32(2654435761) + start)


def golden_input(batch: int, height: int, width: int, seed: int) -> NDArray[np.float32]:
    """[b, 3, h, w]: 16-pixel blocks of coarse noise, three parts, and fine noise, one part."""
    fine = (_hash(batch * 3 * height * width, seed) >> np.uint32(24)).astype(np.int64)
    rows, columns = -(-height // 16), -(-width // 16)
    coarse = (_hash(batch * 3 * rows * columns, seed + 1_000_003) >> np.uint32(24)).astype(np.int64)
    blocks = coarse.reshape(batch, 3, rows, columns).repeat(16, 2).repeat(16, 3)
    values = fine.reshape(batch, 3, height, width) + 3 * blocks[:, :, :height, :width] - 512
    return (values / 256.0).astype(np.float32)


def golden_labels(batch: int, height: int, width: int, seed: int) -> NDArray[np.int64]:
    """[b, h, w]: 8-pixel blocks of ids below 150; about one block in eight is 255."""
    rows, columns = -(-height // 8), -(-width // 8)
    draw = _hash(batch * rows * columns, seed + 2_000_003).astype(np.int64)
    ids = np.where((draw >> 8) % 8 == 0, 255, (draw >> 12) % 150).reshape(batch, rows, columns)
    return ids.repeat(8, 1).repeat(8, 2)[:, :height, :width].copy()


def sample_positions(count: int, samples: int, seed: int) -> NDArray[np.int64]:
    """Return sorted flat positions in C order, at most `samples` of them."""
    if count <= samples:
        return np.arange(count)
    return np.unique(_hash(samples, seed + 3_000_017).astype(np.int64) % count)
