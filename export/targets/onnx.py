"""ONNX, simplified by onnxsim: for ONNX Runtime and everything else that reads the format."""

# pyright: standard
# Not strict: onnxsim ships no types.

import io
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version

import onnx
import onnxsim
import torch
from torch import Tensor, nn

from topformer.complexity import operator_macs
from topformer.errors import TopformerError
from topformer.export.qdq import (
    is_quantised,
    quantise_biases,
    separate_zero_points,
    to_unsigned_activations,
)
from topformer.export.targets import Lowered, Target
from topformer.manifest import Delegation, OperatorGroup
from topformer.runtimes.exported.onnxruntime import RUNTIME

OPSET = 20

# See `qdq`.
_OVERFLOW = (
    "On x86 processors without VNNI, open it with session.x64quantprecision = 1: what ONNX Runtime "
    "does there else is faster, and overflows."
)

# The multiply-adds of these are counted as those of the torch operator they come from.
_ATEN_NAMES = {"Conv": "aten.convolution.default", "MatMul": "aten.matmul.default"}


def _lower(network: nn.Module, example: Tensor) -> Lowered:
    """Export a network for one input shape, simplify it, and check the result."""
    raw = _export(network, example)
    with redirect_stdout(io.StringIO()):  # it counts its checks there
        simplified, agrees = onnxsim.simplify(raw, check_n=1)
    if not agrees:
        raise TopformerError(
            "onnxsim changed what the model computes.",
            why="Its own comparison before and after failed.",
            next_step="Export with another version of onnxsim, and report this one.",
        )
    _strip_debug_information(simplified)
    notes = [describe_change(raw, simplified)]
    if is_quantised(simplified):
        to_unsigned_activations(simplified)
        separate_zero_points(simplified)
        quantise_biases(simplified)
        notes.append(_OVERFLOW)
    onnx.checker.check_model(simplified, full_check=True)
    return Lowered(
        data=simplified.SerializeToString(deterministic=True),
        delegation=Delegation(
            backend="ONNX Runtime CPU",
            delegates=1,
            inside=_operators(simplified),
            outside=(),
            planned_memory_bytes=None,
            notes=tuple(notes),
        ),
        libraries={name: version(name) for name in ("torch", "onnx", "onnxscript", "onnxsim")},
    )


def _export(network: nn.Module, example: Tensor) -> onnx.ModelProto:
    # The exporter reports its progress on stdout, which belongs to results.
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    if len(proto.graph.output) == 1:
        _rename_output(proto, "logits")
    return proto


def _rename_output(proto: onnx.ModelProto, name: str) -> None:
    """Rename the single output; `output_names` of the exporter would need to know their number."""
    old = proto.graph.output[0].name
    for node in proto.graph.node:
        for position, output in enumerate(node.output):
            if output == old:
                node.output[position] = name
    proto.graph.output[0].name = name


def _strip_debug_information(proto: onnx.ModelProto) -> None:
    """Remove what the exporter says of the machine: source paths and stack traces."""
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        del value.metadata_props[:]


def describe_change(before: onnx.ModelProto, after: onnx.ModelProto) -> str:
    """Say in one line what onnxsim did to the operators of a graph."""
    counts_before = Counter(node.op_type for node in before.graph.node)
    counts_after = Counter(node.op_type for node in after.graph.node)
    changes = [
        f"{name} {counts_before[name]} -> {counts_after[name]}"
        for name in sorted(counts_before | counts_after)
        if counts_before[name] != counts_after[name]
    ]
    summary = f"onnxsim: {counts_before.total()} -> {counts_after.total()} operators"
    return f"{summary} ({', '.join(changes)})" if changes else f"{summary}, none changed"


def _operators(proto: onnx.ModelProto) -> tuple[OperatorGroup, ...]:
    shapes = _shapes(proto)
    counts: Counter[str] = Counter()
    macs: Counter[str] = Counter()
    for node in proto.graph.node:
        counts[node.op_type] += 1
        if node.op_type in _ATEN_NAMES:
            inputs = [shapes[name] for name in node.input if name in shapes]
            macs[node.op_type] += operator_macs(
                _ATEN_NAMES[node.op_type], inputs, shapes[node.output[0]]
            )
    return tuple(
        OperatorGroup(operator=name, count=count, macs=macs[name])
        for name, count in counts.most_common()
    )


def _shapes(proto: onnx.ModelProto) -> dict[str, Sequence[int]]:
    graph = onnx.shape_inference.infer_shapes(proto).graph
    shapes: dict[str, Sequence[int]] = {
        tensor.name: tuple(tensor.dims) for tensor in graph.initializer
    }
    for value in (*graph.input, *graph.output, *graph.value_info):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    return shapes


TARGET = Target(name="onnx", runtime=RUNTIME, lower=_lower)
