"""Quantised ONNX graphs, before and after they are written as ONNX Runtime likes them."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from topformer.export.qdq import (
    is_quantised,
    quantise_biases,
    separate_zero_points,
    to_unsigned_activations,
)
from topformer.runtimes.exported import onnxruntime as runtime

RNG = np.random.default_rng(0)
WEIGHT_SCALES = np.array([0.01, 0.02], np.float32)


@pytest.fixture
def proto():
    """A quantised convolution as torch writes it: int8 activations, a bias of float32."""
    initialisers = {
        "scale": np.array(0.05, np.float32),
        "zero": np.array(-3, np.int8),
        "weight": RNG.integers(-127, 128, (2, 3, 1, 1)).astype(np.int8),
        "weight_scale": WEIGHT_SCALES,
        "weight_zero": np.zeros(2, np.int8),
        "bias": np.array([0.5, -0.25], np.float32),
        "out_scale": np.array(0.1, np.float32),
        "out_zero": np.array(5, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "scale", "zero"], ["xd"]),
        helper.make_node(
            "DequantizeLinear", ["weight", "weight_scale", "weight_zero"], ["wd"], axis=0
        ),
        helper.make_node("Conv", ["xd", "wd", "bias"], ["y"]),
        helper.make_node("QuantizeLinear", ["y", "out_scale", "out_zero"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "out_scale", "out_zero"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 2, 4, 4])],
        [numpy_helper.from_array(value, name) for name, value in initialisers.items()],
        value_info=[helper.make_tensor_value_info("xq", TensorProto.INT8, [1, 3, 4, 4])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(proto):
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    x = np.random.default_rng(1).uniform(-7, 7, (1, 3, 4, 4)).astype(np.float32)
    return session.run(None, {"x": x})[0]


def test_activations_become_unsigned_and_nothing_changes(proto):
    before = run(proto)
    to_unsigned_activations(proto)
    assert np.array_equal(run(proto), before)
    values = {one.name: numpy_helper.to_array(one) for one in proto.graph.initializer}
    points = [values[node.input[2]] for node in proto.graph.node if len(node.input) == 3
              and node.op_type != "Conv"]  # fmt: skip
    assert [point.dtype for point in points] == [np.uint8, np.uint8, np.int8, np.uint8, np.uint8]
    assert [int(points[0]), int(points[-1])] == [125, 133]
    assert "zero" not in values


def test_biases_become_integers_in_steps_of_input_times_weight(proto):
    before = run(proto)
    quantise_biases(proto)
    values = {one.name: numpy_helper.to_array(one) for one in proto.graph.initializer}
    assert "bias" not in values
    assert values["y_bias_codes"].dtype == np.int32
    assert values["y_bias_codes"].tolist() == [1000, -250]
    assert np.allclose(values["y_bias_scale"], 0.05 * WEIGHT_SCALES)
    # A step of the output at most, where the float32 bias was at a tie.
    assert np.abs(run(proto) - before).max() <= 0.1 + 1e-6


def test_a_float_convolution_is_left_alone(proto):
    del proto.graph.node[4:]
    proto.graph.node[3].input[0] = "x"
    proto.graph.node[3].output[0] = "out"
    quantise_biases(proto)
    assert "bias" in {one.name for one in proto.graph.initializer}


def test_a_float_graph_is_known(proto):
    assert is_quantised(proto)
    del proto.graph.node[:]
    assert not is_quantised(proto)


def test_a_bias_that_two_convolutions_share_is_stored_for_each(proto):
    graph = proto.graph
    other = numpy_helper.from_array(2 * WEIGHT_SCALES, "other_scale")
    graph.initializer.append(other)
    graph.node.extend(
        [
            helper.make_node(
                "DequantizeLinear", ["weight", "other_scale", "weight_zero"], ["od"], axis=0
            ),
            helper.make_node("Conv", ["xd", "od", "bias"], ["oy"]),
        ]
    )
    graph.output[0].name = "oy"
    before = run(proto)
    quantise_biases(proto)
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    assert (values["y_bias_codes"] == 2 * values["oy_bias_codes"]).all()
    # Half a step of the bias, which is a step of the input times one of the weight.
    assert np.abs(run(proto) - before).max() <= 0.05 * 2 * WEIGHT_SCALES.max() / 2 + 1e-6


def with_a_second_weight(proto, *, weight):
    """Let a second convolution take the same activation, and the first one's zero point."""
    (wd,) = [node for node in proto.graph.node if node.output[0] == "wd"]
    other = helper.make_node(
        "DequantizeLinear", [weight, *wd.input[1:]], ["wd_2"], name="second", axis=0
    )
    nodes = [
        other,
        helper.make_node("Conv", ["xd", "wd_2", "bias"], ["y_2"]),
        helper.make_node("QuantizeLinear", ["y_2", "out_scale", "out_zero"], ["yq_2"]),
        helper.make_node("DequantizeLinear", ["yq_2", "out_scale", "out_zero"], ["out_2"]),
    ]
    codes = RNG.integers(-127, 128, (2, 3, 1, 1)).astype(np.int8)
    proto.graph.initializer.append(numpy_helper.from_array(codes, "weight_2"))
    proto.graph.node.extend(nodes)
    proto.graph.output.append(
        helper.make_tensor_value_info("out_2", TensorProto.FLOAT, [1, 2, 4, 4])
    )


def outputs(session):
    x = np.random.default_rng(1).uniform(-7, 7, (1, 3, 4, 4)).astype(np.float32)
    return session.run(None, {"x": x})


def test_weights_share_no_zero_point_which_exact_kernels_need(proto, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_may_overflow", lambda: False)
    with_a_second_weight(proto, weight="weight_2")
    path = tmp_path / "m.onnx"
    to_unsigned_activations(proto)
    onnx.save(proto, path)
    expected = outputs(runtime.open_session(path, 1))
    separate_zero_points(proto)
    quantise_biases(proto)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)
    precise = onnxruntime.SessionOptions()
    precise.add_session_config_entry("session.x64quantprecision", "1")
    for found, wanted in zip(
        outputs(onnxruntime.InferenceSession(path, precise)), expected, strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=0.1001)  # a step


def test_what_exact_kernels_refuse_is_run_all_the_same(proto, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_may_overflow", lambda: True)
    with_a_second_weight(proto, weight="weight")
    to_unsigned_activations(proto)
    onnx.save(proto, tmp_path / "m.onnx")
    first, second = outputs(runtime.open_session(tmp_path / "m.onnx", 1))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("flags", "overflows"),
    [
        (b"flags\t\t: avx2 avx512_vnni fma\n", False),
        (b"flags\t\t: avx2 avx_vnni", False),
        (b"flags\t\t: avx2 avx512f avx512vl", True),
        (None, True),
    ],
)
def test_processors_that_are_exact_are_known(flags, overflows, monkeypatch):
    def read(_path):
        if flags is None:
            raise FileNotFoundError
        return flags

    monkeypatch.setattr(runtime.Path, "read_bytes", read)
    assert runtime._may_overflow.__wrapped__() is overflows
