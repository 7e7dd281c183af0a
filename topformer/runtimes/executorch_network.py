"""Run a `.pte` with ExecuTorch's own runtime and its XNNPACK backend."""

# pyright: standard
# Not strict: executorch ships no types.

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import torch
from executorch.extension.pybindings.portable_lib import (
    Verification,
    _threadpool_get_thread_count,
    _unsafe_reset_threadpool,
)
from executorch.runtime import Method, Runtime
from numpy.typing import NDArray

from topformer.errors import TopformerError
from topformer.manifest import Manifest


def set_threads(threads: int) -> None:
    """Size ExecuTorch's thread pool; call before the first file is loaded in this process.

    torch's own pool is cut to one thread, because outputs are copied by torch and the two pools
    would fight for the cores.
    """
    torch.set_num_threads(1)
    if _threadpool_get_thread_count() != threads:
        _unsafe_reset_threadpool(threads)


class ExecutorchNetwork:
    """A loaded `forward` method of a `.pte` file."""

    def __init__(self, path: Path, manifest: Manifest, *, threads: int | None = None) -> None:
        if threads is not None:
            set_threads(threads)
        try:
            with _log_kept_aside():
                program = Runtime.get().load_program(
                    path, verification=Verification.InternalConsistency
                )
                self._method = _load_forward(program.load_method("forward"), path)
        except (RuntimeError, KeyError) as error:
            raise TopformerError(
                f"ExecuTorch cannot load {path}.",
                why=str(error).splitlines()[0],
                next_step=f"Run `topformer inspect {path}`, or export the model again.",
            ) from error
        self._program = program  # owns the memory that the method runs in
        self._shape = manifest.input.shape

    def run(self, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Normalised RGB [1, 3, h, w] -> every output of the file."""
        if tensor.shape != self._shape:
            raise TopformerError(f"The model takes {self._shape}, not {tensor.shape}.")
        try:
            # The clones belong to the caller: the next run overwrites the method's own memory.
            outputs = self._method.execute((torch.from_numpy(tensor),))
        except (RuntimeError, ValueError) as error:
            raise TopformerError("ExecuTorch failed to run the model.", why=str(error)) from error
        return [output.numpy() for output in outputs]


@contextmanager
def _log_kept_aside() -> Generator[None]:
    """Keep what ExecuTorch logs to stderr while it loads a file; show it only if that fails.

    On machines without ARM's identification registers it reports their absence five times.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(saved, log.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _load_forward(method: Method | None, path: Path) -> Method:
    if method is None:
        raise TopformerError(f"{path} has no method called forward.")
    return method
