"""What every opened model offers, whatever runs it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from topformer.errors import TopformerError
from topformer.images import read_reduced
from topformer.manifest import Manifest, OutputInfo
from topformer.preprocess import to_tensor
from topformer.tasks import Outputs, Task, task_of
from topformer.text import brief

# A path, or RGB values of shape [h, w, 3].
Picture = str | Path | NDArray[np.uint8]


class Network(Protocol):
    """Something that turns an input tensor into outputs."""

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Normalised RGB [1, 3, h, w] -> every output, in memory of the caller's own."""
        ...


@dataclass(frozen=True, kw_only=True)
class OpenedModel:
    """A model that is ready to run; `task` says what it computes.

    Raises `TopformerError` where the manifest's task is unknown, or its outputs are not the task's.
    """

    manifest: Manifest
    # "torch", or the name of one in `runtimes/exported`.
    runtime: str
    network: Network
    # What was wrapped around a checkpoint's weights and taken off, in sentences.
    notes: tuple[str, ...] = ()
    # (height, width) to which a checkpoint's training pictures were stretched, where they were.
    sample_size: tuple[int, int] | None = None
    task: Task[Any] = field(init=False)

    def __post_init__(self) -> None:
        """Find the task."""
        object.__setattr__(self, "task", task_of(self.manifest))

    def preprocess(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB [H, W, 3] -> the normalised input tensor [1, 3, h, w]."""
        return to_tensor(picture, self.manifest.input)

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Normalised RGB [1, 3, h, w] -> the outputs that the manifest describes.

        Raises `TopformerError` when the file answers with anything else, or with no numbers.
        """
        # ExecuTorch reads a tensor whose channels lie together in memory as if they did not.
        outputs = self.network.run(np.ascontiguousarray(tensor, np.float32))
        check_outputs(outputs, self.manifest.outputs)
        return outputs

    def outputs(self, picture: Picture) -> Outputs:
        """Raw outputs for a picture resized to the model's input."""
        return self.run(self.preprocess(_pixels(picture)[0]))

    def predict(self, picture: Picture, *, size: tuple[int, int] | None = None) -> Any:
        """Return the task's result at the picture's own (height, width), or at `size`."""
        pixels, own_size = _pixels(picture)
        return self.task.postprocess(self.outputs(pixels), size or own_size)


def check_outputs(outputs: Outputs, described: Sequence[OutputInfo]) -> None:
    """Raise `TopformerError` for outputs that are not as described, or hold no numbers."""
    found = [(output.shape, output.dtype.name) for output in outputs]
    expected = [(output.shape, output.dtype) for output in described]
    if found != expected:
        raise TopformerError(
            "The model's output is not what its manifest describes.",
            why=f"It gives {_list(found)}; the manifest says {_list(expected)}.",
            next_step="Export the model again.",
        )
    require_numbers(outputs)


def require_numbers(outputs: Outputs) -> None:
    """Raise `TopformerError` for an output in which all is NaN or infinite: it has no result."""
    for output in outputs:
        # The first one is mostly a number, and then it need not take the time to look at all.
        if not np.isfinite(output.flat[0]) and not np.isfinite(output).any():
            raise TopformerError(
                "The model computes no numbers.",
                why="All its outputs are NaN or infinite.",
                next_step="Take other weights, or export the model again.",
            )


def _list(outputs: Sequence[tuple[tuple[int, ...], str]]) -> str:
    return brief(", ".join(f"{list(shape)} in {dtype}" for shape, dtype in outputs) or "nothing")


def _pixels(picture: Picture) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Pixels for the network, and the picture's own (height, width)."""
    if isinstance(picture, str | Path):
        found = read_reduced(Path(picture))
        return found.pixels, found.size
    return picture, (picture.shape[0], picture.shape[1])
