"""What any goal offers to the loop and to the command."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from topformer.data import WholeImageScale
from topformer.data.pairs import PictureProgress
from topformer.data.samples import SampleSource
from topformer.evaluation.protocols import ScoringProtocol, fixed_protocol, whole_protocol
from topformer.manifest import Classes
from topformer.networks import AnyNetwork
from topformer.training.journal import AnyScoreRecord
from topformer.training.processes import Place
from topformer.training.recipe import Recipe


def scoring_protocol(recipe: Recipe, scale: WholeImageScale) -> ScoringProtocol:
    """Score as most samples are made: of stretched pictures, or of whole ones."""
    return fixed_protocol(recipe.crop) if recipe.stretch >= 0.5 else whole_protocol(scale)


class Goal(ABC):
    """A data set's train and val splits, and what a network is to learn of them."""

    # As a manifest names it.
    task: ClassVar[str]

    # Key of the data set, and what its licence says of weights trained on it.
    dataset: str
    terms: str
    classes: Classes
    recipe: Recipe
    # How the network is scored on val: as it is shown pictures in training.
    protocol: ScoringProtocol

    @property
    @abstractmethod
    def splits(self) -> tuple[tuple[str, int], ...]:
        """Name train and val, with how many pictures each has."""

    @abstractmethod
    def check(self, split: str, progress: PictureProgress) -> tuple[str, ...]:
        """Open every file of a split once; returns what is doubtful, in sentences.

        Raises `TopformerError` for what cannot be used.
        """

    @abstractmethod
    def shared(self) -> str:
        """Say that pictures of train are in val; empty where none is."""

    @abstractmethod
    def picture_size(self) -> tuple[int, int]:
        """Usual (height, width) of the training pictures."""

    @abstractmethod
    def samples(self) -> SampleSource:
        """Return what training samples are made by."""

    @abstractmethod
    def loss(self, outputs: Any, truth: Tensor, taught: Any) -> Tensor:
        """Return the mean loss of a network's outputs; `taught` is a teacher's, None without."""

    @abstractmethod
    def score(
        self, network: AnyNetwork, place: Place, step: int, tell: Callable[[], None]
    ) -> AnyScoreRecord:
        """Score a network in eval mode on val, each process on its share; all get the same.

        `tell` is called now and then, and the processes meet before shares are put together.
        """

    @abstractmethod
    def draw(self, network: AnyNetwork, title: str, notes: tuple[str, ...]) -> bytes:
        """Draw what a network in eval mode makes of pictures spread over val; returns a PNG."""
