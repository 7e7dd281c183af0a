"""What `predict` does with a picture, whatever the task."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from rich.table import Table

from topformer.documents import Document
from topformer.files import fitting_name
from topformer.manifest import Manifest
from topformer.runtimes import OpenedModel
from topformer.verbs.predict.document import FailureDocument

_OVERLAY = ".overlay.png"
# COCO's tools take no longer ones.
_LONGEST_NUMBER = 15

PictureT = TypeVar("PictureT", bound=Document)


class Results(ABC, Generic[PictureT]):
    """Results of pictures of one task, and what is said of them."""

    # What files are made, in the plural.
    files_are: ClassVar[str]

    def __init__(self, opened: OpenedModel, out: Path, *, threshold: float | None = None) -> None:
        """Write to the folder `out`; `threshold` is the score that the user wants boxes to have."""
        self.opened, self.out, self.threshold = opened, out, threshold

    @property
    def manifest(self) -> Manifest:
        """What the model says of itself."""
        return self.opened.manifest

    @abstractmethod
    def make(self, path: Path, *, number: int) -> PictureT:
        """Make all files of a picture; `number` is one that no other one of the run has.

        Raises `TopformerError` for what cannot be read or written.
        """

    @abstractmethod
    def path_of(self, done: PictureT) -> Path:
        """Where the picture is."""

    @abstractmethod
    def files_of(self, done: PictureT) -> Sequence[str]:
        """What was made of a picture."""

    @abstractmethod
    def found_in(self, done: PictureT) -> str:
        """Say in a few words what was found in a picture."""

    @abstractmethod
    def count(self, done: PictureT) -> None:
        """Count what was found in a picture: of thousands, no more can be kept."""

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Names of the classes in the pictures that were counted."""

    @abstractmethod
    def table(self, pictures: int) -> Table:
        """Show what was found in so many pictures, which were counted."""

    @abstractmethod
    def document(
        self, model: str, done: Sequence[PictureT], failures: Sequence[FailureDocument]
    ) -> Document:
        """Write all that is known of the run."""

    def description(self) -> str:
        """Say of the pictures that are made whose they are."""
        weights = self.manifest.weights
        said = f"TopFormer {self.manifest.model.variant}, weights: {weights.name}"
        return said + (", RANDOM: the classes mean nothing" if weights.is_random else "")

    def note(self) -> str:
        """Say in the pictures what must not be overlooked."""
        random = self.manifest.weights.is_random
        return "random weights: the classes mean nothing" if random else ""


def picture_numbers(paths: Sequence[Path]) -> list[int]:
    """The numbers that the names are, as of 000000000139.jpg, else the places, from 1.

    Where one name is no number, or two are the same, all are places: no two pictures share one.
    """
    names = [path.stem for path in paths]
    if all(name.isascii() and name.isdigit() and len(name) <= _LONGEST_NUMBER for name in names):
        numbers = [int(name) for name in names]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(paths) + 1))


def overlay_name(picture: Path) -> str:
    """Name of a picture's overlay."""
    return fitting_name(picture.stem, _OVERLAY)


def beside_overlay(overlay: str, suffix: str) -> str:
    """Name of another result of a picture, of the same stem as its overlay."""
    return f"{overlay.removesuffix(_OVERLAY)}{suffix}"
