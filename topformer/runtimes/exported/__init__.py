"""The runtimes of exported files: one module each, found by its file name.

A module sets `RUNTIME`. It is imported whenever a file's suffix is looked at, so it imports the
library behind it only when asked to do something.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topformer.documents import Document
from topformer.files import without_query
from topformer.registry import Registry
from topformer.runtimes.opened import Network

# Of what a runtime says of a file, in characters.
WORDS_LIMIT = 400


class TensorInfo(Document, frozen=True, kw_only=True):
    """An input or output of the graph."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class GraphInfo(Document, frozen=True, kw_only=True):
    """What a file holds, as its own format describes it."""

    format: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    # What is executed, with counts: in order, where the format has one.
    operations: tuple[str, ...]
    delegates: tuple[str, ...]
    # Arenas that the file plans for; null where the runtime plans when it loads the file.
    planned_memory_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """All that depends on what runs the exported files of one suffix."""

    name: str
    suffix: str
    # The export target that makes a file for it where none is named.
    target: str
    # What is imported to open a file; the bench times it apart.
    libraries: tuple[str, ...]
    # What is imported to read a graph.
    parsers: tuple[str, ...] = ()
    # Sizes the pool of threads, where it is one for all files of a process.
    set_threads: Callable[[int], None] | None = None
    # A file, the shape of its input [1, 3, h, w], and threads (None: the runtime's own choice).
    open: Callable[[Path, tuple[int, int, int, int], int | None], Network]
    # The bytes of a file, which may be anything; raises whatever its parser does.
    read_graph: Callable[[bytes], GraphInfo]
    # A file, its input and a number of runs -> an operator's name and median milliseconds for each
    # operator call.
    profile: Callable[[Path, NDArray[np.float32], int], list[tuple[str, float]]]


_REGISTRY = Registry(package=__name__, kind=Runtime, title="runtime of exported files")
runtime_names, get_runtime, all_runtimes = _REGISTRY.names, _REGISTRY.get, _REGISTRY.all


def find_runtime(source: str | Path) -> Runtime | None:
    """Return what runs a file by its suffix; None for checkpoints, which torch runs."""
    suffix = Path(without_query(str(source))).suffix.lower()
    return next((runtime for runtime in all_runtimes() if runtime.suffix == suffix), None)
