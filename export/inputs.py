"""What exported files are proved on: pictures, and adversarial and degenerate tensors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topformer.errors import UsageError
from topformer.images import bundled_pictures, find_pictures, read_reduced
from topformer.manifest import InputInfo
from topformer.preprocess import to_tensor

BUNDLED_PICTURE, OWN_PICTURE = "picture:", "image:"

# At 448x448 and 150 classes each takes 8 MB.
MOST_PICTURES = 100


@dataclass(frozen=True, kw_only=True)
class ProofInput:
    """One named input tensor [1, 3, h, w], normalised."""

    name: str
    tensor: NDArray[np.float32]


def is_picture(name: str) -> bool:
    """Whether the input of this name is a picture, the package's or the user's."""
    return name.startswith((BUNDLED_PICTURE, OWN_PICTURE))


def standard_inputs(info: InputInfo) -> Iterator[ProofInput]:
    """Make the inputs that every proof uses, one at a time, bit for bit the same anywhere."""

    def make(name: str, pixels: NDArray[np.uint8]) -> ProofInput:
        return ProofInput(name=name, tensor=to_tensor(pixels, info))

    size = (info.height, info.width, 3)
    for name, pixels in bundled_pictures():
        yield make(f"{BUNDLED_PICTURE}{name}", pixels)
    yield make("pixels:black", np.zeros(size, np.uint8))
    yield make("pixels:white", np.full(size, 255, np.uint8))
    yield make("pixels:checkerboard", _checkerboard(info.height, info.width))
    yield make("pixels:noise", _noise(info.height, info.width))
    yield ProofInput(name="zeros", tensor=np.zeros(info.shape, np.float32))


def picture_inputs(folder: Path, info: InputInfo) -> list[ProofInput]:
    """Return the user's own pictures as inputs; raises `UsageError` for none, or too many."""
    paths: Sequence[Path] = find_pictures([folder])
    if not paths:
        raise UsageError(f"There are no pictures in {folder}.", next_step="Pass another folder.")
    if len(paths) > MOST_PICTURES:
        raise UsageError(
            f"There are {len(paths):,} pictures in {folder}.",
            why=f"A proof keeps what the network says of each; {MOST_PICTURES} are the limit.",
            next_step="Pass a folder with a sample of them.",
        )
    return [
        ProofInput(
            name=f"{OWN_PICTURE}{path.name}", tensor=to_tensor(read_reduced(path).pixels, info)
        )
        for path in paths
    ]


def _checkerboard(height: int, width: int) -> NDArray[np.uint8]:
    """Black and white in turn, the hardest edges a picture can have."""
    rows, columns = np.indices((height, width))
    board = ((rows + columns) % 2 * 255).astype(np.uint8)
    return np.repeat(board[:, :, None], 3, axis=2)


def _noise(height: int, width: int) -> NDArray[np.uint8]:
    """Independent pixels from an integer hash, which any language can repeat.

    Value i is byte 3 of fmix32(i), the finaliser of MurmurHash3 (Austin Appleby, public domain).
    """
    h = np.arange(height * width * 3, dtype=np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(24)).astype(np.uint8).reshape(height, width, 3)
