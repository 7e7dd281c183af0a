"""What a network's outputs mean: one module a task, found by the name in the manifest.

A task is a subclass of `Task`, called `TASK` in its module, and that module's entry in `MODULES`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from topformer.errors import TopformerError, UsageError
from topformer.manifest import Agreement, DetectionInfo, Manifest, OutputInfo

if TYPE_CHECKING:
    from PIL.Image import Image


SEGMENTATION, DETECTION = "semantic-segmentation", "object-detection"
MODULES = {SEGMENTATION: "topformer.tasks.segmentation", DETECTION: "topformer.tasks.detection"}

GOLDEN_SAMPLES = 512
# Knuth's multiplicative hash: odd, so that samples spread over arrays of any size.
SAMPLE_STEP = 2654435761

# All that a network gives for one input, in the order of the manifest's `outputs`.
Outputs = Sequence[NDArray[np.floating]]
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[ResultT]):
    """What a network gives for one input, and the result that is made of it."""

    outputs: Outputs
    result: ResultT


class Task(ABC, Generic[ResultT]):
    """What the outputs of the network of one manifest mean."""

    # Of results, in the plural, as in "99.99 % equal labels".
    noun: ClassVar[str]

    def __init__(self, manifest: Manifest) -> None:
        """Raise `TopformerError` where the manifest's outputs are not such as this task has."""
        self.manifest = manifest

    @classmethod
    @abstractmethod
    def describe_outputs(cls, network: Any, image_size: tuple[int, int]) -> tuple[OutputInfo, ...]:
        """Say what a network of this task gives for inputs of one size (height, width)."""

    @classmethod
    def describe_detection(cls) -> DetectionInfo | None:
        """Say how boxes are made of the outputs, where they are."""
        return None

    @abstractmethod
    def postprocess(self, outputs: Outputs, size: tuple[int, int]) -> ResultT:
        """Make the result at `size`, the (height, width) of the picture."""

    def answer(self, outputs: Outputs) -> Answer[ResultT]:
        """Put outputs together with their result at the input's size."""
        info = self.manifest.input
        return Answer(outputs=outputs, result=self.postprocess(outputs, (info.height, info.width)))

    def weakness(self, results: Sequence[ResultT]) -> str:  # noqa: ARG002
        """Say in a sentence what a proof on inputs with these results leaves open; "" for nothing.

        A task may have inputs that say nothing of its results.
        """
        return ""

    @abstractmethod
    def compare(self, expected: Answer[ResultT], found: Answer[ResultT]) -> Agreement:
        """Say how closely an answer follows the expected one; both are at the input's size."""

    @abstractmethod
    def sample(self, answer: Answer[ResultT]) -> dict[str, bytes]:
        """Take from an answer what a manifest keeps of it: little-endian arrays by name."""

    @abstractmethod
    def compare_sampled(self, samples: Mapping[str, bytes], found: Answer[ResultT]) -> Agreement:
        """Say how closely an answer follows one that was sampled.

        Raises `TopformerError` for samples that this task did not take.
        """

    @abstractmethod
    def encode(self, result: ResultT) -> bytes:
        """Write a result as the runner does, little-endian."""

    @abstractmethod
    def decode(self, data: bytes) -> ResultT:
        """Read what the runner wrote of a result at the input's size; raises `TopformerError`."""

    def runner_options(self) -> list[str]:
        """What the runner must be told to make this task's results; it refuses tasks of others."""
        return [f"--task={self.manifest.model.task}"]

    @abstractmethod
    def draw(self, picture: NDArray[np.uint8], result: ResultT, *, note: str = "") -> "Image":
        """Draw a result over its picture, RGB [H, W, 3], with `note` in a strip at the bottom."""


def task_type(name: str) -> type[Task[Any]]:
    """Import a task by the manifest's name for it; raises `TopformerError` for an unknown one."""
    if name not in MODULES:
        raise TopformerError(
            f"This version knows no task called {name!r}.",
            why=f"It knows {', '.join(sorted(MODULES))}.",
            next_step="Use the version of topformer that made the file.",
        )
    return import_module(MODULES[name]).TASK


def task_of(manifest: Manifest) -> Task[Any]:
    """Return the task of a manifest's network.

    Raises `TopformerError` for an unknown one, or outputs that are not such as it has.
    """
    return task_type(manifest.model.task)(manifest)


def sample(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Take the golden samples of an array; `manifest.GoldenCase` says which elements they are."""
    positions = sample_positions(array.size)
    return array.reshape(-1)[positions]


def sample_positions(count: int) -> NDArray[np.int64]:
    """Where the golden samples of `count` elements in C order lie."""
    return np.arange(GOLDEN_SAMPLES, dtype=np.int64) * SAMPLE_STEP % count


def output_bytes(outputs: Outputs) -> bytes:
    """Write outputs as the runner does, one after the other: little-endian float32."""
    return b"".join(output.astype("<f4").tobytes() for output in outputs)
