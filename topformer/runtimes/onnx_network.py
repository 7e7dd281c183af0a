"""Run an `.onnx` with ONNX Runtime on the CPU."""

# pyright: standard
# Not strict: onnxruntime ships no types.

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from topformer.errors import TopformerError
from topformer.manifest import Manifest


def session_options(threads: int | None) -> onnxruntime.SessionOptions:
    """Options of every session here: sequential operators, `threads` inside each (None: all)."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: they are raised anyway
    if threads is not None:
        options.intra_op_num_threads = threads
    return options


class OnnxNetwork:
    """A session over one `.onnx` file with one input."""

    def __init__(self, path: Path, manifest: Manifest, *, threads: int | None = None) -> None:
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), session_options(threads), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base but this one
            raise TopformerError(
                f"ONNX Runtime cannot load {path}.",
                why=str(error).splitlines()[0],
                next_step="Export the model again.",
            ) from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or tuple(inputs[0].shape) != manifest.input.shape:
            raise TopformerError(
                f"{path} takes another input than its manifest says.",
                why=f"It takes {[tuple(node.shape) for node in inputs]}, "
                f"the manifest says {manifest.input.shape}.",
            )
        self._input_name = inputs[0].name

    def run(self, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Normalised RGB [1, 3, h, w] -> every output of the file."""
        try:
            outputs = self._session.run(None, {self._input_name: tensor})
        except Exception as error:  # its exceptions share no base but this one
            raise TopformerError("ONNX Runtime failed to run the model.", why=str(error)) from error
        return [np.asarray(output) for output in outputs]
