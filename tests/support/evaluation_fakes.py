"""Small data sets on disk."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("sky", "road", "car")


def write_folder(root: Path, labels: dict[str, np.ndarray], *, names=CLASSES) -> Path:
    """A "folder" data set whose val pictures show in red what their labels are."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "classes.json").write_text(json.dumps({"classes": names}))
    for kind in ("images", "annotations"):
        (root / kind / "val").mkdir(parents=True)
    for name, values in labels.items():
        picture = np.zeros((*values.shape, 3), np.uint8)
        picture[..., 0] = values
        Image.fromarray(picture).save(root / "images" / "val" / f"{name}.png")
        Image.fromarray(values).save(root / "annotations" / "val" / f"{name}.png")
    return root
