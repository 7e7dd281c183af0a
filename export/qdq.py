"""A quantised ONNX graph in the form for which ONNX Runtime has its fast kernels.

torch writes activations as int8 and biases as float32. ONNX Runtime is fast with activations of
uint8 and weights of int8; int8 for both is slower than float32 there. It adds the bias as int32.
Shifting the zero point by 128 changes no value.

x86 processors without VNNI add two of these products in 16 bits, where large ones are cut off. With
`session.x64quantprecision` ONNX Runtime makes the weights uint8 there, and is exact; it refuses
files in which weights share a zero point.
"""

# pyright: standard
# Not strict: onnx types its messages loosely.

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

QUANTISE, DEQUANTISE = "QuantizeLinear", "DequantizeLinear"
_SHIFT = 128


def is_quantised(proto: onnx.ModelProto) -> bool:
    """Whether a graph holds quantised values."""
    return any(node.op_type == DEQUANTISE for node in proto.graph.node)


def to_unsigned_activations(proto: onnx.ModelProto) -> None:
    """Make all int8 activations of a graph uint8; weights, which are initialisers, stay."""
    values = _initialisers(proto)
    points: dict[int, str] = {}
    for node in proto.graph.node:
        if node.op_type not in {QUANTISE, DEQUANTISE} or node.input[0] in values:
            continue
        zero_point = values[node.input[2]]
        if zero_point.dtype != np.int8:
            continue
        shifted = int(zero_point) + _SHIFT
        if shifted not in points:
            points[shifted] = f"zero_point_{shifted}"
            _add(proto, points[shifted], np.array(shifted, np.uint8))
        node.input[2] = points[shifted]
        codes = node.output[0] if node.op_type == QUANTISE else node.input[0]
        _set_type(proto, codes, onnx.TensorProto.UINT8)
    _drop_unused(proto)


def separate_zero_points(proto: onnx.ModelProto) -> None:
    """Give each weight a zero point of its own."""
    values = _initialisers(proto)
    for node in proto.graph.node:
        if node.op_type == DEQUANTISE and node.input[0] in values:
            name = f"{node.output[0]}_zero_point"
            _add(proto, name, values[node.input[2]])
            node.input[2] = name
    _drop_unused(proto)


def quantise_biases(proto: onnx.ModelProto) -> None:
    """Store the bias of each quantised convolution as int32 in steps of input times weight."""
    values = _initialisers(proto)
    makers = {output: node for node in proto.graph.node for output in node.output}
    added: list[tuple[onnx.NodeProto, onnx.NodeProto]] = []
    for node in proto.graph.node:
        if node.op_type != "Conv" or len(node.input) < 3 or node.input[2] not in values:
            continue
        sources = [makers.get(name) for name in node.input[:2]]
        scales = [values[one.input[1]] for one in sources if one and one.op_type == DEQUANTISE]
        if len(scales) != 2:
            continue
        scale = (scales[0].astype(np.float64) * scales[1]).astype(np.float32)
        bias = node.input[2]
        limit = np.iinfo(np.int32)
        codes = np.clip(np.round(values[bias].astype(np.float64) / scale), limit.min, limit.max)
        # Equal biases may be one initialiser, and have steps of their own each time.
        names = [f"{node.output[0]}_bias_codes", f"{node.output[0]}_bias_scale"]
        _add(proto, names[0], codes.astype(np.int32))
        _add(proto, names[1], scale)
        made = onnx.helper.make_node(
            DEQUANTISE, names, [f"{node.output[0]}_bias_dequantised"], axis=0
        )
        node.input[2] = made.output[0]
        added.append((node, made))
    _insert(proto, added)
    _drop_unused(proto)


def _insert(proto: onnx.ModelProto, added: list[tuple[onnx.NodeProto, onnx.NodeProto]]) -> None:
    """Put each new node before the one that takes its output."""
    before = {node.output[0]: made for node, made in added}
    ordered = list(_in_order(proto, before))
    del proto.graph.node[:]
    proto.graph.node.extend(ordered)


def _in_order(
    proto: onnx.ModelProto, before: dict[str, onnx.NodeProto]
) -> Iterator[onnx.NodeProto]:
    for node in proto.graph.node:
        made = before.get(node.output[0])
        if made is not None:
            yield made
        yield node


def _set_type(proto: onnx.ModelProto, name: str, kind: int) -> None:
    """Correct what the graph says of a tensor between its operators."""
    for value in proto.graph.value_info:
        if value.name == name:
            value.type.tensor_type.elem_type = kind


def _initialisers(proto: onnx.ModelProto) -> dict[str, NDArray]:
    return {one.name: numpy_helper.to_array(one) for one in proto.graph.initializer}


def _add(proto: onnx.ModelProto, name: str, value: NDArray) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(value, name))


def _drop_unused(proto: onnx.ModelProto) -> None:
    used = {name for node in proto.graph.node for name in node.input}
    kept = [one for one in proto.graph.initializer if one.name in used]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
