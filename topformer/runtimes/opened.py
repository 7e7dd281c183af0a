"""The face that every opened model shows, whatever runs it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from topformer.errors import TopformerError
from topformer.images import read_picture
from topformer.labels import upsample_labels
from topformer.manifest import Manifest
from topformer.preprocess import to_tensor

# A path, or RGB values of shape [h, w, 3].
Picture = str | Path | NDArray[np.uint8]


class Network(Protocol):
    """Something that turns an input tensor into logits."""

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised RGB [1, 3, h, w] -> logits [1, c, h/8, w/8], in memory of the caller's own."""
        ...


class ExportedNetwork(Network, Protocol):
    """A loaded file, which may have more outputs than logits while a failure is looked for."""

    def run_all(self, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run the file and return every output."""
        ...


@dataclass(frozen=True, kw_only=True)
class OpenedModel:
    """A model that is ready to run."""

    manifest: Manifest
    # "torch", or the name of one in `runtimes/exported`.
    runtime: str
    network: Network
    # What was wrapped around a checkpoint's weights and taken off, in sentences.
    notes: tuple[str, ...] = ()

    def preprocess(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB [H, W, 3] -> the normalised input tensor [1, 3, h, w]."""
        return to_tensor(picture, self.manifest.input)

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised RGB [1, 3, h, w] -> logits [1, c, h/8, w/8].

        Raises `TopformerError` when the file answers with another shape than its manifest says.
        """
        logits = self.network.run(tensor)
        if logits.shape != self.manifest.output.shape:
            raise TopformerError(
                "The model's output is not what its manifest describes.",
                why=f"Its shape is {logits.shape}, the manifest says {self.manifest.output.shape}.",
            )
        return logits

    def logits(self, picture: Picture) -> NDArray[np.float32]:
        """Raw class scores [1, c, h/8, w/8] of a picture resized to the model's input."""
        return self.run(self.preprocess(_pixels(picture)))

    def labels(self, picture: Picture) -> NDArray[np.int64]:
        """Class ids [H, W] at the picture's own size."""
        pixels = _pixels(picture)
        height, width = pixels.shape[:2]
        return upsample_labels(self.logits(pixels), (height, width))[0]


def _pixels(picture: Picture) -> NDArray[np.uint8]:
    return read_picture(Path(picture)) if isinstance(picture, str | Path) else picture
