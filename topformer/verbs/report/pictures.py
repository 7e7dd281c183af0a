"""What each file finds in a few pictures, and where files differ."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topformer.classes import are_numbered
from topformer.devices.machine import library_versions
from topformer.drawing import FoundClass
from topformer.errors import UsageError
from topformer.files import atomic_write, sha256_bytes
from topformer.images import STREET, bundled_picture, find_pictures, read_picture
from topformer.runtimes import open_model
from topformer.verbs.report.data import ScoringData
from topformer.verbs.report.document import ComparedPicture, PictureOfFile
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.looks import LOOKS, Look, Small, Words
from topformer.verbs.report.make import ProvedFile
from topformer.verbs.report.scores import misfit

# Where in the split they are taken from, so that they are not of one scene.
PLACES = (1 / 6, 1 / 2, 5 / 6)
# On the page.
LONG_SIDE_PX = 400
JPEG_QUALITY = 82
MOST_CLASSES = 14

OnProgress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture RGB [H, W, 3] that files are tried on, with what is in it where that is known."""

    name: str
    pixels: NDArray[np.uint8]
    # As the look of the data's task has it.
    truth: Any = None


@dataclass(frozen=True, kw_only=True)
class ShownResult:
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
    results: tuple[ShownResult, ...]
    legend: tuple[FoundClass, ...]
    words: Words


def choose_pictures(data: ScoringData | None, folder: Path | None) -> list[Picture]:
    """Take the first three of a folder, else three of the data, else the bundled street.

    Raises `UsageError` where there is none in the folder.
    """
    if folder is not None:
        paths = find_pictures([folder])[: len(PLACES)]
        if not paths:
            raise UsageError(f"There are no pictures in {folder}.")
        return [Picture(name=path.name, pixels=read_picture(path)) for path in paths]
    if data is None:
        return [Picture(name=STREET, pixels=bundled_picture(STREET))]
    chosen = dict.fromkeys(int(data.pictures * place) for place in PLACES)
    return [
        Picture(name=one.name, pixels=one.pixels, truth=one.truth) for one in map(data.show, chosen)
    ]


def compare_pictures(
    files: Sequence[ProvedFile],
    pictures: Sequence[Picture],
    data: ScoringData | None,
    kept: Kept,
    on_progress: OnProgress,
) -> Iterator[tuple[ComparedPicture, ShownPicture]]:
    """Say of each picture what every file that passed its proof finds there.

    Files are compared with the first of them; those for other tasks or with other classes, than
    the data's where there are some, have nothing to be compared in.
    """
    shown = [file for file in files if file.proof.passed and file.manifest.model.task in LOOKS]
    if data is not None:
        shown = [file for file in shown if not misfit(file, data)]
    if not shown:
        return
    task, classes = shown[0].manifest.model.task, shown[0].manifest.classes
    shown = [file for file in shown if file.manifest.model.task == task]
    if data is not None and are_numbered(classes):
        classes = data.classes
    shown = [file for file in shown if file.manifest.model.num_classes == len(classes.names)]
    look = LOOKS[task](classes)
    paths = {file.name: _find(file, look, pictures, kept, on_progress) for file in shown}
    for number, picture in enumerate(pictures):
        found = {name: results[number] for name, results in paths.items()}
        yield _compare(picture, found, look, kept.folder)


def _find(
    file: ProvedFile,
    look: Look[Any],
    pictures: Sequence[Picture],
    kept: Kept,
    on_progress: OnProgress,
) -> list[Path]:
    """Write what a file finds in each picture, unless it is there."""
    name = f"{look.noun} {file.name}"
    facts = {
        "file": file.identity,
        "pictures": [sha256_bytes(picture.pixels.tobytes()) for picture in pictures],
        "versions": library_versions(),
    }
    known = kept.find(name, facts)
    if known is not None:
        return known
    on_progress(f"{look.noun} of {file.name}")
    model = open_model(file.path)
    paths: list[Path] = []
    for number, picture in enumerate(pictures, start=1):
        data = look.encode(model.predict(picture.pixels))
        paths.append(kept.place(look.noun, f"{file.name} {number}", look.suffix))
        atomic_write(paths[-1], data)
    kept.note(name, facts, paths)
    return paths


def _compare(
    picture: Picture, paths: dict[str, Path], look: Look[Any], folder: Path
) -> tuple[ComparedPicture, ShownPicture]:
    reference = next(iter(paths))
    results = {name: look.read(path) for name, path in paths.items()}
    expected = results[reference]
    small = _small(picture.pixels)
    found: list[PictureOfFile] = []
    shown: list[ShownResult] = []
    for name, result in results.items():
        equal = look.equal(expected, result)
        right = None if picture.truth is None else look.right(result, picture.truth)
        below = paths[name].relative_to(folder).as_posix()
        found.append(PictureOfFile(file=name, result=below, equal=equal, right=right))
        differing = None if equal == 1.0 else look.differing(small, expected, result)
        shown.append(
            ShownResult(
                file=name,
                painted=_address(look.painted(small, result)),
                differing=None if differing is None else _address(differing),
                equal=equal,
                right=right,
            )
        )
    truth = picture.truth
    painted = None if truth is None else look.painted_truth(small, truth)
    return (
        ComparedPicture(name=picture.name, reference=reference, files=tuple(found)),
        ShownPicture(
            name=picture.name,
            reference=reference,
            painted=_address(small.image),
            truth=None if painted is None else _address(painted),
            results=tuple(shown),
            legend=tuple(look.legend(expected, truth)[:MOST_CLASSES]),
            words=replace(look.words, intro=look.words.intro.format(reference=reference)),
        ),
    )


def _small(picture: NDArray[np.uint8]) -> Small:
    image = Image.fromarray(picture)
    factor = min(1.0, LONG_SIDE_PX / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return Small(image=image.resize(size, Image.Resampling.LANCZOS), scale=factor)


def _address(image: Image.Image) -> str:
    stream = BytesIO()
    image.save(stream, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{b64encode(stream.getvalue()).decode()}"
