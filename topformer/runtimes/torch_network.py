"""Run a checkpoint with torch itself: the reference that exported files are compared with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topformer.manifest import Classes, Manifest
from topformer.preprocess import input_info
from topformer.runtimes.opened import OpenedModel
from topformer.tasks import task_type
from topformer.weights import LoadedWeights, load_weights
from topformer.weights.saving import model_info


class TorchNetwork:
    """The eager network, as the checkpoint gives it (BatchNorm not folded)."""

    def __init__(self, model: torch.nn.Module) -> None:
        model.eval()  # of a quantised graph it returns None
        self.model = model
        self.dtype = next(model.parameters()).dtype

    @torch.inference_mode()
    def run(self, tensor: NDArray[np.floating]) -> list[NDArray[np.floating]]:
        """Normalised RGB [b, 3, h, w] -> every output, in the model's own dtype."""
        outputs = self.model(torch.as_tensor(tensor).to(self.dtype))
        tensors: Sequence[Tensor] = [outputs] if isinstance(outputs, Tensor) else outputs
        return [output.numpy() for output in tensors]


def describe(loaded: LoadedWeights, image_size: tuple[int, int]) -> Manifest:
    """Write the manifest of a checkpoint run at one size (height, width): no file, no proof."""
    info = model_info(loaded.model)
    task = task_type(info.task)
    return Manifest(
        model=info,
        weights=loaded.info,
        input=input_info(*image_size),
        outputs=task.describe_outputs(loaded.model, image_size),
        classes=loaded.classes,
        detection=task.describe_detection(),
    )


def open_checkpoint(
    source: str | Path,
    *,
    image_size: tuple[int, int] | None,
    threads: int | None,
    classes: Classes | None = None,
) -> OpenedModel:
    """Load weights and open them at one input size (height, width), or at their own."""
    if threads is not None:
        torch.set_num_threads(threads)
    return open_loaded(load_weights(source, classes=classes), image_size=image_size)


def open_loaded(loaded: LoadedWeights, *, image_size: tuple[int, int] | None) -> OpenedModel:
    """Open weights that are loaded already at one input size (height, width), or at their own."""
    return OpenedModel(
        manifest=describe(loaded, image_size or loaded.input_size),
        runtime="torch",
        network=TorchNetwork(loaded.model),
        notes=loaded.notes,
        sample_size=loaded.sample_size,
    )
