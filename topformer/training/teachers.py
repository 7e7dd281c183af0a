"""What a network learns from beside the labels: another TopFormer, or any network in ONNX."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from topformer.errors import TopformerError, UsageError
from topformer.files import local_path, sha256_file
from topformer.manifest import Classes, WeightsInfo
from topformer.runtimes.exported.onnxruntime import first_input, open_session, run_session
from topformer.tasks import SEGMENTATION
from topformer.training.recipe import Recipe
from topformer.weights import load_weights
from topformer.weights.sources import file_source

ONNX_ADVICE = (
    "Export it with one input, normalised RGB [batch, 3, height, width] in float32 of any batch, "
    "and one output, logits [batch, classes, h, w] of any size."
)


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """Who teaches, and where its numbers come from."""

    network: nn.Module
    weights: WeightsInfo


class OnnxTeacher(nn.Module):
    """The network in an `.onnx` file, which ONNX Runtime computes on the CPU."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        # Threads that wait by spinning would take the cores from torch, which trains meanwhile.
        self._session = open_session(path, torch.get_num_threads(), spinning=False)
        self._input_name = first_input(self._session)

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised RGB [b, 3, h, w] -> logits [b, c, h', w'] where the pictures are.

        Raises `TopformerError` when the file cannot take them, or gives no such thing.
        """
        tensor = pictures.float().cpu().contiguous().numpy()
        outputs = run_session(self._session, self._input_name, tensor)
        if len(outputs) != 1 or outputs[0].dtype.kind != "f" or outputs[0].ndim != 4:
            found = ", ".join(f"{list(output.shape)} in {output.dtype}" for output in outputs)
            raise TopformerError("It gives no logits.", why=f"Its outputs are {found}.")
        return torch.as_tensor(outputs[0]).to(pictures.device)


def open_teacher(recipe: Recipe, classes: Classes) -> Teacher:
    """Open a recipe's teacher, and try it on blank pictures as large as the recipe's.

    Raises `UsageError` where it can't teach these classes, and what loading it raises.
    """
    if Path(recipe.teacher).suffix.lower() != ".onnx":
        loaded = load_weights(recipe.teacher, task=SEGMENTATION)
        _require_classes(loaded.model.num_classes, classes)
        return Teacher(network=loaded.model, weights=loaded.info)
    path = local_path(recipe.teacher)
    source = file_source(path)
    # Before ONNX Runtime, which would wait for a FIFO, opens it.
    sha256 = sha256_file(path)
    teacher = OnnxTeacher(path)
    # Two, to find out files made for one.
    pictures = torch.zeros(min(2, recipe.batch), 3, *recipe.crop)
    try:
        logits = teacher(pictures)
    except TopformerError as error:
        raise UsageError(
            f"{path} cannot teach with pictures of shape {list(pictures.shape)}.",
            why=error.why,
            next_step=ONNX_ADVICE,
        ) from error
    _require_classes(logits.shape[1], classes)
    weights = WeightsInfo(
        name=source.name, sha256=sha256, licence=source.licence, source=source.source
    )
    return Teacher(network=teacher, weights=weights)


def _require_classes(taught: int, classes: Classes) -> None:
    if taught != len(classes.names):
        raise UsageError(
            f"The teacher tells {taught} classes apart, the data set {len(classes.names)}.",
            next_step="Take a teacher that was trained on this data set.",
        )
