"""A network in an ONNX file, made without torch, that can teach or that cannot."""

from pathlib import Path

import numpy as np
import onnx

KERNEL = np.random.default_rng(0).normal(0, 0.1, (3, 3, 16, 16)).astype(np.float32)


def write_teacher(path: Path, *, batch="batch", kernel=KERNEL, last=(), inputs=("x",)) -> Path:
    """Write a convolution of stride 16 that says what each patch is; `last` are nodes after it."""
    size = [batch, 3, "height", "width"]
    floats = onnx.TensorProto.FLOAT
    weights = onnx.numpy_helper.from_array(kernel, "kernel")
    conv = onnx.helper.make_node("Conv", ["x", "kernel"], ["y"], strides=[16, 16])
    nodes = [conv, *last]
    kinds = {"ArgMax": onnx.TensorProto.INT64}
    kind = kinds.get(nodes[-1].op_type, floats)
    graph = onnx.helper.make_graph(
        nodes,
        "teacher",
        [onnx.helper.make_tensor_value_info(name, floats, size) for name in inputs],
        [onnx.helper.make_tensor_value_info(name, kind, None) for name in nodes[-1].output],
        [weights],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path
