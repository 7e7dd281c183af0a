"""What each file finds in a few pictures, and where files differ."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topformer.classes import are_numbered
from topformer.data.label_files import IGNORED
from topformer.devices.machine import library_versions
from topformer.drawing import FoundClass, found_classes, label_image, painted_image
from topformer.errors import UsageError
from topformer.evaluation.scoring import show_pair
from topformer.files import atomic_write, open_regular, sha256_bytes
from topformer.images import bundled_pictures, find_pictures, read_picture
from topformer.manifest import Classes
from topformer.runtimes import open_model
from topformer.signatures import LARGEST_FILE_BYTES
from topformer.verbs.report.document import ComparedPicture, PictureOfFile
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.make import ProvedFile
from topformer.verbs.report.scores import ScoringData

# Shown where there are no others: a street, which most models know something of.
BUNDLED = "china"
# Where in the split they are taken from, so that they are not of one scene.
PLACES = (1 / 6, 1 / 2, 5 / 6)
TASK = "semantic-segmentation"
# On the page.
LONG_SIDE_PX = 400
JPEG_QUALITY = 82
MOST_CLASSES = 14
DIFFERING_COLOUR = (213, 17, 90)

Labels = NDArray[np.integer]
OnProgress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture RGB [H, W, 3] that files are tried on, with its labels [H, W] where known."""

    name: str
    pixels: NDArray[np.uint8]
    truth: NDArray[np.uint8] | None


@dataclass(frozen=True, kw_only=True)
class ShownLabels:
    """What one file found, as the page has it; pictures are `data:` addresses."""

    file: str
    painted: str
    # Where it differs from the reference; None where it does not.
    differing: str | None
    equal: float
    right: float | None


@dataclass(frozen=True, kw_only=True)
class ShownPicture:
    """A picture with what all files found."""

    name: str
    reference: str
    painted: str
    truth: str | None
    labels: tuple[ShownLabels, ...]
    legend: tuple[FoundClass, ...]


def choose_pictures(data: ScoringData | None, folder: Path | None) -> list[Picture]:
    """Take the first three of a folder, else three of the data, else a bundled one.

    Raises `UsageError` where there is none in the folder.
    """
    if folder is not None:
        paths = find_pictures([folder])[: len(PLACES)]
        if not paths:
            raise UsageError(f"There are no pictures in {folder}.")
        return [Picture(name=path.name, pixels=read_picture(path), truth=None) for path in paths]
    if data is None:
        pixels = dict(bundled_pictures())[BUNDLED]
        return [Picture(name=BUNDLED, pixels=pixels, truth=None)]
    pairs = data.found.pairs
    chosen = dict.fromkeys(pairs[int(len(pairs) * place)] for place in PLACES)
    shown = [show_pair(pair, data.found, data.dataset.classes) for pair in chosen]
    return [Picture(name=one.name, pixels=one.picture, truth=one.truth) for one in shown]


def compare_pictures(
    files: Sequence[ProvedFile],
    pictures: Sequence[Picture],
    data: ScoringData | None,
    kept: Kept,
    on_progress: OnProgress,
) -> Iterator[tuple[ComparedPicture, ShownPicture]]:
    """Say of each picture what every file that passed its proof finds there.

    Files are compared with the first of them. Without a file that labels pixels there is nothing.
    """
    shown = [file for file in files if file.proof.passed and file.manifest.model.task == TASK]
    if not shown:
        return
    classes = shown[0].manifest.classes
    if data is not None and are_numbered(classes):
        classes = data.dataset.classes
    # A file of other classes has nothing to be compared in.
    shown = [file for file in shown if file.manifest.model.num_classes == len(classes.names)]
    paths = {file.name: _label(file, pictures, kept, on_progress) for file in shown}
    for number, picture in enumerate(pictures):
        found = {name: labels[number] for name, labels in paths.items()}
        yield _compare(picture, found, classes, kept.folder)


def _label(
    file: ProvedFile, pictures: Sequence[Picture], kept: Kept, on_progress: OnProgress
) -> list[Path]:
    """Write what a file finds in each picture, unless it is there."""
    name = f"labels {file.name}"
    facts = {
        "sha256": file.sha256,
        "pictures": [sha256_bytes(picture.pixels.tobytes()) for picture in pictures],
        "versions": library_versions(),
    }
    known = kept.find(name, facts)
    if known is not None:
        return known
    on_progress(f"labels of {file.name}")
    model = open_model(file.path)
    paths: list[Path] = []
    for number, picture in enumerate(pictures, start=1):
        labels: Labels = model.predict(picture.pixels)
        stream = BytesIO()
        label_image(labels, file.manifest.classes).save(stream, "PNG")
        paths.append(kept.place("labels", f"{file.name} {number}", ".png"))
        atomic_write(paths[-1], stream.getvalue())
    kept.note(name, facts, paths)
    return paths


def _compare(
    picture: Picture, paths: dict[str, Path], classes: Classes, folder: Path
) -> tuple[ComparedPicture, ShownPicture]:
    reference = next(iter(paths))
    expected = _read(paths[reference])
    found: list[PictureOfFile] = []
    shown: list[ShownLabels] = []
    for name, path in paths.items():
        labels = _read(path)
        equal, right = float((labels == expected).mean()), _right(labels, picture.truth)
        below = path.relative_to(folder).as_posix()
        found.append(PictureOfFile(file=name, labels=below, equal=equal, right=right))
        shown.append(
            ShownLabels(
                file=name,
                painted=_painted(picture.pixels, labels, classes),
                differing=None if equal == 1.0 else _differing(picture.pixels, labels != expected),
                equal=equal,
                right=right,
            )
        )
    known = expected.ravel()
    if picture.truth is not None:
        known = np.concatenate([known, picture.truth[picture.truth != IGNORED]])
    legend = found_classes(known, classes)[:MOST_CLASSES]
    return (
        ComparedPicture(name=picture.name, reference=reference, files=tuple(found)),
        ShownPicture(
            name=picture.name,
            reference=reference,
            painted=_address(_small(picture.pixels)),
            truth=None if picture.truth is None else _painted_truth(picture, classes),
            labels=tuple(shown),
            legend=tuple(legend),
        ),
    )


def _read(path: Path) -> Labels:
    with (
        open_regular(path, limit_bytes=LARGEST_FILE_BYTES) as stream,
        Image.open(stream, formats=("PNG",)) as image,
    ):
        return np.asarray(image)


def _right(labels: Labels, truth: NDArray[np.uint8] | None) -> float | None:
    if truth is None or not (truth != IGNORED).any():
        return None
    counted = truth != IGNORED
    return float((labels[counted] == truth[counted]).mean())


def _painted(picture: NDArray[np.uint8], labels: Labels, classes: Classes) -> str:
    small = _small(picture)
    # 16 bits for the ids of more classes than an 8-bit picture holds.
    ids = Image.fromarray(labels.astype(np.int32)).resize(small.size, Image.Resampling.NEAREST)
    return _address(painted_image(np.asarray(small), np.asarray(ids), classes))


def _painted_truth(picture: Picture, classes: Classes) -> str:
    """Paint the labels of the data; what has no class is grey."""
    assert picture.truth is not None
    small = _small(picture.pixels)
    resized = Image.fromarray(picture.truth).resize(small.size, Image.Resampling.NEAREST)
    ids = np.asarray(resized)
    ignored = ids == IGNORED
    painted = painted_image(np.asarray(small), np.where(ignored, 0, ids), classes)
    grey = np.asarray(small.convert("L").convert("RGB")) // 2 + 64
    return _address(Image.fromarray(np.where(ignored[..., None], grey, np.asarray(painted))))


def _differing(picture: NDArray[np.uint8], differing: NDArray[np.bool_]) -> str:
    """Show a faint picture with what differs in one colour; a dot may be a single pixel."""
    small = _small(picture)
    mask = Image.fromarray(differing.astype(np.uint8) * 255)
    marked = np.asarray(mask.resize(small.size, Image.Resampling.BOX)) > 0
    faint = np.asarray(small.convert("L").convert("RGB")) // 3 + 150
    shown = np.where(marked[..., None], np.array(DIFFERING_COLOUR, np.uint8), faint)
    return _address(Image.fromarray(shown.astype(np.uint8)))


def _small(picture: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(picture)
    factor = min(1.0, LONG_SIDE_PX / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _address(image: Image.Image) -> str:
    stream = BytesIO()
    image.save(stream, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{b64encode(stream.getvalue()).decode()}"
