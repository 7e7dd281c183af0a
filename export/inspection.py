"""Look inside an exported file: its graph, delegates and memory plan, read without running it."""

# pyright: standard
# Not strict: executorch ships no types.

from collections import Counter
from pathlib import Path

from topformer.documents import Document
from topformer.errors import TopformerError, UsageError
from topformer.files import read_bytes

MODEL_LIMIT_BYTES = 512 * 2**20


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
    # What is executed, in order; runs of the same operator are counted.
    steps: tuple[str, ...]
    delegates: tuple[str, ...]
    # Arenas that the file plans for; null where the runtime plans when it loads the file.
    planned_memory_bytes: int | None


def inspect_graph(path: Path) -> GraphInfo:
    """Read the graph of a `.pte` or `.onnx`; raises `TopformerError` when it is not one."""
    readers = {".pte": _read_pte, ".onnx": _read_onnx}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"{path} holds no graph to inspect.", why="Only .pte and .onnx files hold one."
        )
    data = read_bytes(path, limit_bytes=MODEL_LIMIT_BYTES, kind="model")
    try:
        return reader(data)
    except Exception as error:  # parsers of hostile bytes raise anything
        raise TopformerError(
            f"{path} cannot be parsed as a {path.suffix} file.",
            why=f"{type(error).__name__}: {str(error)[:200]}",
        ) from error


def _read_pte(data: bytes) -> GraphInfo:
    from executorch.exir._serialize._program import deserialize_pte_binary  # noqa: PLC0415
    from executorch.exir.schema import DelegateCall, KernelCall, Tensor  # noqa: PLC0415

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

    steps: list[str] = []
    for chain in plan.chains:
        for instruction in chain.instructions:
            call = instruction.instr_args
            if isinstance(call, DelegateCall):
                steps.append(f"delegate {plan.delegates[call.delegate_index].id}")
            elif isinstance(call, KernelCall):
                kernel = plan.operators[call.op_index]
                steps.append(f"{kernel.name}.{kernel.overload}")
            else:
                steps.append(type(call).__name__)
    return GraphInfo(
        format="ExecuTorch program",
        inputs=tuple(describe(position) for position in plan.inputs),
        outputs=tuple(describe(position) for position in plan.outputs),
        steps=_count_runs(steps),
        delegates=tuple(delegate.id for delegate in plan.delegates),
        planned_memory_bytes=sum(plan.non_const_buffer_sizes),
    )


def _read_onnx(data: bytes) -> GraphInfo:
    import onnx  # noqa: PLC0415

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
        steps=tuple(f"{count} x {name}" for name, count in operators.most_common()),
        delegates=(),
        planned_memory_bytes=None,
    )


def _count_runs(steps: list[str]) -> tuple[str, ...]:
    runs: list[tuple[str, int]] = []
    for step in steps:
        if runs and runs[-1][0] == step:
            runs[-1] = (step, runs[-1][1] + 1)
        else:
            runs.append((step, 1))
    return tuple(f"{count} x {step}" if count > 1 else step for step, count in runs)
