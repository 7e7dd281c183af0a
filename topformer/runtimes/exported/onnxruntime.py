"""ONNX Runtime on the CPU: runs `.onnx` files."""

# pyright: standard
# Not strict: onnxruntime ships no types.

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from topformer.errors import TopformerError
from topformer.runtimes.exported import WORDS_LIMIT, GraphInfo, Runtime, TensorInfo
from topformer.temporary import temporary_folder
from topformer.text import brief, one_line

if TYPE_CHECKING:
    import onnx
    from onnxruntime import InferenceSession


# Flags of x86 processors that add products of 8 bits in 32.
_EXACT = re.compile(rb"\b(avx512_vnni|avx_vnni)\b")
_PRECISION = "session.x64quantprecision"


def open_session(
    path: Path, threads: int | None, *, spinning: bool = True, profile_prefix: str = ""
) -> InferenceSession:
    """Open a file: operators one after the other, `threads` inside each (None: all cores).

    `spinning` threads wait for the next operator at full speed. Raises `TopformerError`.
    """
    import onnxruntime

    chosen = onnxruntime.SessionOptions()
    chosen.inter_op_num_threads = 1
    chosen.log_severity_level = 4  # nothing but what is fatal: errors are raised
    if threads is not None:
        chosen.intra_op_num_threads = threads
    if not spinning:
        chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if profile_prefix:
        chosen.enable_profiling = True
        chosen.profile_file_prefix = profile_prefix

    def session() -> InferenceSession:
        return onnxruntime.InferenceSession(str(path), chosen, providers=["CPUExecutionProvider"])

    if _may_overflow():
        chosen.add_session_config_entry(_PRECISION, "1")
        # It refuses weights that several convolutions share, as those of RetinaNet's head.
        with suppress(Exception):
            return session()
        chosen.add_session_config_entry(_PRECISION, "0")
    try:
        return session()
    except Exception as error:  # its exceptions share no base but this one
        raise TopformerError(
            f"ONNX Runtime cannot load {path}.",
            why=brief(one_line(str(error)), WORDS_LIMIT),
            next_step="Export the model again.",
        ) from error


@cache
def _may_overflow() -> bool:
    """Whether what is fast in int8 may be wrong on this processor; the remedy acts on x86 alone."""
    try:
        return _EXACT.search(Path("/proc/cpuinfo").read_bytes()) is None
    except OSError:
        return True


def first_input(session: InferenceSession) -> str:
    """Return the name of a file's first input; empty where it has none, which no run takes."""
    return next((node.name for node in session.get_inputs()), "")


def run_session(
    session: InferenceSession, input_name: str, tensor: NDArray[np.float32]
) -> list[NDArray[Any]]:
    """Give a tensor to an input -> every output. Raises `TopformerError`."""
    try:
        outputs = session.run(None, {input_name: tensor})
        return [np.asarray(output) for output in outputs]
    except Exception as error:  # its exceptions share no base but this one
        raise TopformerError(
            "ONNX Runtime failed to run the model.",
            why=brief(one_line(str(error)), WORDS_LIMIT),
        ) from error


class OnnxNetwork:
    """A session over one `.onnx` file with one input."""

    def __init__(self, path: Path, shape: tuple[int, int, int, int], threads: int | None) -> None:
        self._session = open_session(path, threads)
        inputs = self._session.get_inputs()
        takes = [(tuple(node.shape), node.type) for node in inputs]
        if takes != [(shape, "tensor(float)")]:
            raise TopformerError(
                f"{path} takes another input than its manifest says.",
                why=f"It takes {brief(str([shape for shape, _ in takes]))}, the manifest says "
                f"{shape} in float32.",
            )
        self._input_name = first_input(self._session)

    def run(self, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Normalised RGB [1, 3, h, w] -> every output of the file."""
        return run_session(self._session, self._input_name, tensor)


def _read_graph(data: bytes) -> GraphInfo:
    import onnx

    proto = onnx.load_from_string(data)
    onnx.checker.check_model(proto)

    def describe(value: onnx.ValueInfoProto) -> TensorInfo:
        kind = value.type.tensor_type
        return TensorInfo(
            name=value.name,
            dtype=onnx.TensorProto.DataType.Name(kind.elem_type).lower(),
            shape=tuple(dim.dim_value for dim in kind.shape.dim),
        )

    operators = Counter(node.op_type for node in proto.graph.node)
    return GraphInfo(
        format=f"ONNX, opset {proto.opset_import[0].version}",
        inputs=tuple(describe(value) for value in proto.graph.input),
        outputs=tuple(describe(value) for value in proto.graph.output),
        operations=tuple(f"{count} x {name}" for name, count in operators.most_common()),
        delegates=(),
        planned_memory_bytes=None,
    )


def _profile(path: Path, tensor: NDArray[np.float32], runs: int) -> list[tuple[str, float]]:
    """Time every node."""
    with temporary_folder() as folder:
        session = open_session(path, None, profile_prefix=str(folder / "profile"))
        for _ in range(runs):
            session.run(None, {session.get_inputs()[0].name: tensor})
        records = json.loads(Path(session.end_profiling()).read_bytes())
    samples: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        if record.get("cat") == "Node" and record["name"].endswith("_kernel_time"):
            samples[record["args"]["op_name"], record["name"]].append(record["dur"] / 1e3)
    return [(operator, float(np.median(times))) for (operator, _), times in samples.items()]


RUNTIME = Runtime(
    name="onnxruntime",
    suffix=".onnx",
    target="onnx",
    libraries=("onnxruntime",),
    parsers=("onnx",),
    open=OnnxNetwork,
    read_graph=_read_graph,
    profile=_profile,
)
