"""Small data sets on disk."""

from pathlib import Path

import numpy as np

from support import folders

CLASSES = ("sky", "road", "car")


def write_folder(root: Path, labels: dict[str, np.ndarray], *, names=CLASSES) -> Path:
    """A "folder" data set whose val pictures show in red what their labels are."""
    red = np.array([1, 0, 0], np.uint8)
    pairs = {name: (values[..., None] * red, values) for name, values in labels.items()}
    return folders.write_folder(root, pairs, split="val", classes=names)
