"""int8 files end to end: the real lowering and runtimes, on the bundled weights."""

import pytest

from support.command import run_command
from topformer import open_model
from topformer.errors import TopformerError
from topformer.export.precisions import Materials, get_precision
from topformer.export.verification import verify_file
from topformer.images import bundled_pictures
from topformer.manifest import read_manifest_of
from topformer.runtimes import inspect_graph

pytestmark = pytest.mark.slow


@pytest.fixture
def by_name(exported_small):
    """Return the exported files by the ends of their names."""
    return {
        file.path.name.removeprefix("topformer-tiny-64x64-"): file for file in exported_small.files
    }


@pytest.fixture(params=["xnnpack{}.pte", "onnx{}.onnx"])
def pair(request, by_name):
    """Return the fp32 and the int8 file of one target."""
    return [by_name[request.param.format(end)] for end in ("", "-int8")]


def test_every_combination_is_made_and_passes(exported_small, by_name):
    assert exported_small.passed
    assert list(by_name) == [
        "xnnpack.pte",
        "onnx.onnx",
        "xnnpack-fp16.pte",
        "xnnpack-int8.pte",
        "onnx-int8.onnx",
    ]


def test_the_manifest_says_what_it_was_calibrated_with(pair):
    plain, small = (read_manifest_of(file.path) for file in pair)
    assert plain.file.calibration is None
    assert small.file.calibration.source == "bundled pictures"
    assert [step.step for step in small.parity.steps] == ["float32", "fused", "int8", "file"]


def test_it_is_small_and_one_delegate(pair):
    plain, small = pair
    assert small.manifest.file.size_bytes < 0.32 * plain.manifest.file.size_bytes
    assert small.manifest.delegation.delegates == 1
    assert small.manifest.delegation.outside == ()


def test_the_runtime_computes_what_torch_simulates(pair):
    """The file strays from float64 about as far as its simulation: lowering adds little."""
    *_, simulated, file = pair[1].manifest.parity.steps
    for expected, found in zip(simulated.inputs, file.inputs, strict=True):
        assert found.agreement.sqnr_db > expected.agreement.sqnr_db - 3


def test_it_says_what_fp32_says_of_pictures(pair):
    plain, small = (open_model(file.path) for file in pair)
    for _, picture in bundled_pictures():
        assert (plain.predict(picture) == small.predict(picture)).mean() > 0.9


def test_it_is_verified(pair):
    _, parity = verify_file(pair[1].path)
    assert parity.passed
    assert parity.gates == get_precision("int8").gates


def test_onnx_has_unsigned_activations_and_integer_biases(by_name):
    import onnx
    from onnx import numpy_helper

    proto = onnx.load(by_name["onnx-int8.onnx"].path)
    kinds = {one.name: numpy_helper.to_array(one).dtype.name for one in proto.graph.initializer}
    makers = {output: node for node in proto.graph.node for output in node.output}
    rounded = [node for node in proto.graph.node if node.op_type == "QuantizeLinear"]
    convolutions = [node for node in proto.graph.node if node.op_type == "Conv"]
    assert len(rounded) > len(convolutions) > 50
    assert {kinds[node.input[2]] for node in rounded} == {"uint8"}
    for node in convolutions:
        sources = [makers[name] for name in node.input]
        assert [one.op_type for one in sources] == ["DequantizeLinear"] * 3
        assert [kinds.get(one.input[0]) for one in sources] == [None, "int8", "int32"]


def test_inspect_shows_it(by_name):
    small = by_name["xnnpack-int8.pte"]
    assert inspect_graph(small.path).delegates == ("XnnpackBackend",)
    result = run_command("inspect", small.path)
    assert result.returncode == 0
    assert "exported: xnnpack int8 by" in result.stdout


def test_without_pictures_there_is_no_int8():
    with pytest.raises(TopformerError, match="calibrate"):
        get_precision("int8").convert(None, Materials(examples=()))
