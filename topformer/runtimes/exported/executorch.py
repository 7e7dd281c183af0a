"""ExecuTorch's own runtime, with its XNNPACK backend: runs `.pte` files."""

# pyright: standard
# Not strict: executorch ships no types.

import re
import warnings
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topformer.errors import TopformerError
from topformer.runtimes.exported import WORDS_LIMIT, GraphInfo, Runtime, TensorInfo
from topformer.runtimes.log import log_kept_aside
from topformer.temporary import temporary_folder
from topformer.text import brief, one_line

# The C++ bindings themselves. `executorch.runtime`, which hands them on, first imports all that
# exports models: three times what torch takes. They need torch to be loaded before.
BINDINGS = "executorch.extension.pybindings._C"
# Of a tensor of float32: c10/core/ScalarType.h.
_FLOAT32 = 6


def set_threads(threads: int) -> None:
    """Size ExecuTorch's thread pool; call before the first file is loaded in this process.

    torch's own pool is cut to one thread, because outputs are copied by torch and the two pools
    would fight for the cores.
    """
    import torch
    from executorch.extension.pybindings._C import (
        _threadpool_get_thread_count,
        _unsafe_reset_threadpool,
    )

    torch.set_num_threads(1)
    with log_kept_aside():
        if _threadpool_get_thread_count() != threads:
            _unsafe_reset_threadpool(threads)


class ExecutorchNetwork:
    """A loaded `forward` method of a `.pte` file."""

    def __init__(self, path: Path, shape: tuple[int, int, int, int], threads: int | None) -> None:
        import torch
        from executorch.extension.pybindings._C import Verification, _load_program

        if threads is not None:
            set_threads(threads)
        try:
            program = _load_program(
                str(path), program_verification=Verification.InternalConsistency
            )
            method = program.load_method("forward")
            meta = method.method_meta()
            takes = [
                (tuple(tensor.sizes()), tensor.dtype())
                for tensor in map(meta.input_tensor_meta, range(meta.num_inputs()))
            ]
        except Exception as error:  # what the file names may be no text, which is one more kind
            raise TopformerError(
                f"ExecuTorch cannot load {path}.",
                why=brief(one_line(str(error)), WORDS_LIMIT),
                next_step="Export the model again.",
            ) from error
        if takes != [(shape, _FLOAT32)]:
            raise TopformerError(
                f"{path} takes another input than its manifest says.",
                why=f"It takes {brief(str([shape for shape, _ in takes]))}, the manifest says "
                f"{shape} in float32.",
            )
        self._program = program  # owns the memory that the method runs in
        self._method = method
        self._shape = shape
        self._as_tensor = torch.from_numpy

    def run(self, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Normalised RGB [1, 3, h, w] -> every output of the file."""
        if tensor.shape != self._shape:
            raise TopformerError(f"The model takes {self._shape}, not {tensor.shape}.")
        try:
            # The clones belong to the caller: the next run overwrites the method's own memory.
            outputs = self._method((self._as_tensor(tensor),))
            return [output.numpy() for output in outputs]
        except Exception as error:  # an output may be anything, no tensor too
            raise TopformerError(
                "ExecuTorch failed to run the model.", why=brief(one_line(str(error)), WORDS_LIMIT)
            ) from error


def _read_graph(data: bytes) -> GraphInfo:
    from executorch.exir._serialize._program import deserialize_pte_binary
    from executorch.exir.schema import DelegateCall, KernelCall, Tensor

    plan = deserialize_pte_binary(data).program.execution_plan[0]

    def describe(position: int) -> TensorInfo:
        value = plan.values[position].val
        if not isinstance(value, Tensor):
            raise TypeError(f"value {position} is not a tensor")
        return TensorInfo(
            name=f"value {position}",
            dtype=value.scalar_type.name.lower(),
            shape=tuple(value.sizes),
        )

    operations: list[str] = []
    for chain in plan.chains:
        for instruction in chain.instructions:
            call = instruction.instr_args
            if isinstance(call, DelegateCall):
                operations.append(f"delegate {plan.delegates[call.delegate_index].id}")
            elif isinstance(call, KernelCall):
                kernel = plan.operators[call.op_index]
                operations.append(f"{kernel.name}.{kernel.overload}")
            else:
                operations.append(type(call).__name__)
    return GraphInfo(
        format="ExecuTorch program",
        inputs=tuple(describe(position) for position in plan.inputs),
        outputs=tuple(describe(position) for position in plan.outputs),
        operations=_count_runs(operations),
        delegates=tuple(delegate.id for delegate in plan.delegates),
        planned_memory_bytes=sum(plan.non_const_buffer_sizes),
    )


def _count_runs(operations: list[str]) -> tuple[str, ...]:
    counted = ((name, len(list(run))) for name, run in groupby(operations))
    return tuple(f"{count} x {name}" if count > 1 else name for name, count in counted)


def _profile(path: Path, tensor: NDArray[np.float32], runs: int) -> list[tuple[str, float]]:
    """Time every operator call in or out of XNNPACK; their names go without their numbers."""
    import torch
    from executorch.devtools import Inspector
    from executorch.runtime import Runtime as Executorch

    program = Executorch.get().load_program(path, enable_etdump=True)
    method = program.load_method("forward")
    assert method is not None
    for _ in range(runs):
        method.execute((torch.from_numpy(tensor),))
    with temporary_folder() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses the tensors, which were not asked for
        dump = folder / "etdump"
        program.write_etdump_result_to_file(str(dump), str(folder / "tensors"))
        blocks = Inspector(etdump_path=str(dump)).event_blocks
    # Totals over a delegate or the method would count their operators twice.
    totals = {"DELEGATE_CALL", "Method::execute"}
    return [
        (re.sub(r" #\d+$", "", event.name), float(event.perf_data.p50))
        for block in blocks
        if block.name == "Execute"
        for event in block.events
        if event.perf_data and event.name not in totals
    ]


RUNTIME = Runtime(
    name="executorch",
    suffix=".pte",
    target="xnnpack",
    libraries=("torch", BINDINGS),
    parsers=("executorch.exir._serialize._program", "executorch.exir.schema"),
    set_threads=set_threads,
    open=ExecutorchNetwork,
    read_graph=_read_graph,
    profile=_profile,
)
