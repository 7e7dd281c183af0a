"""Small data sets on disk, as the data set "folder" reads them."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def write_folder(
    root: Path, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], *, split: str, **content: object
) -> Path:
    """Write pictures [h, w, 3] and labels [h, w] by name; `content` goes into classes.json."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "classes.json").write_text(json.dumps(content))
    for at, kind in enumerate(("images", "annotations")):
        folder = root / kind / split
        folder.mkdir(parents=True)
        for name, pair in pairs.items():
            Image.fromarray(pair[at]).save(folder / f"{name}.png")
    return root
