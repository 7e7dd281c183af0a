"""CamVid with pictures without labels beside it, for a recipe's teacher to speak of.

    python -m topformer.benchmarks.studies.streets CAMVID OUT FOLDER...

OUT becomes a CamVid for `topformer train --dataset camvid`. Its val is CamVid's. Its train is
CamVid's, twice, and a part of every picture in the FOLDERs, 640x480 pixels, labelled as void
throughout: of those a teacher speaks, and nothing else. Twice, so that enough samples have labels.
"""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topformer.data import open_dataset
from topformer.data.label_files import IGNORED
from topformer.data.layouts import Pair
from topformer.errors import TopformerError, UsageError
from topformer.files import atomic_write, read_bytes
from topformer.images import find_pictures, read_picture, resize
from topformer.signatures import LARGEST_FILE_BYTES

COPIES = 2
WIDTH_PX, HEIGHT_PX = 640, 480
JPEG_QUALITY = 95
# Where the part of a tall picture begins, of all places from top to bottom: streets, less sky.
HIGHEST, LOWEST = 0.2, 0.6


def write_set(camvid: Path, out: Path, folders: list[Path]) -> int:
    """Write the set and return how many pictures have no labels. Raises `TopformerError`."""
    if out.exists():
        raise UsageError(f"{out} exists.", next_step="Name a folder that does not.")
    dataset = open_dataset("camvid", camvid)
    pictures = find_pictures(folders)
    for split, copies in (("train", COPIES), ("val", 1)):
        for pair in dataset.split(split).pairs:
            for copy in range(1, copies + 1):
                copy_pair(pair, out, split, f"{copy}-{pair.picture.stem}")
    rng = np.random.default_rng(0)
    void = _encode(np.full((HEIGHT_PX, WIDTH_PX), IGNORED, np.uint8), "PNG")
    for number, path in enumerate(pictures):
        part = resize(cut(read_picture(path), rng), HEIGHT_PX, WIDTH_PX)
        name = f"street-{number:05d}"
        atomic_write(out / f"images/train/{name}.jpg", _encode(part, "JPEG"))
        atomic_write(out / f"annotations/train/{name}.png", void)
    return len(pictures)


def cut(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the largest part at 4:3, at a place drawn: [h, w, 3] -> [h', w', 3]."""
    height, width = picture.shape[:2]
    part_width = min(width, max(1, height * WIDTH_PX // HEIGHT_PX))
    part_height = min(height, max(1, width * HEIGHT_PX // WIDTH_PX))
    left = int((width - part_width) * rng.random())
    top = int((height - part_height) * rng.uniform(HIGHEST, LOWEST))
    return picture[top : top + part_height, left : left + part_width]


def copy_pair(pair: Pair, out: Path, split: str, name: str) -> None:
    """Copy a picture and its labels into a split of a CamVid in `out`, under another name."""
    for source, target in (
        (pair.picture, out / f"images/{split}/{name}{pair.picture.suffix}"),
        (pair.labels, out / f"annotations/{split}/{name}.png"),
    ):
        atomic_write(target, read_bytes(source, limit_bytes=LARGEST_FILE_BYTES, kind="picture"))


def _encode(pixels: NDArray[np.uint8], kind: str) -> bytes:
    data = BytesIO()
    Image.fromarray(pixels).save(data, kind, quality=JPEG_QUALITY)
    return data.getvalue()


def main() -> int:
    """Write the set; return the exit status."""
    if len(sys.argv) < 4:
        sys.stderr.write(f"{__doc__}")
        return 2
    camvid, out, *folders = map(Path, sys.argv[1:])
    try:
        count = write_set(camvid, out, folders)
    except TopformerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"{count} pictures without labels\n")
    sys.stdout.write(f"{out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
