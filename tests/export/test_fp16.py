"""fp16 files end to end: the real lowering and runtime, on the bundled weights."""

import numpy as np
import pytest
import torch
from torch import nn

from support.command import run_command
from topformer import open_model
from topformer.errors import UsageError
from topformer.export import export_model
from topformer.export.half import HalfNetwork
from topformer.export.precisions import get_precision
from topformer.export.targets import get_target
from topformer.export.verification import verify_file
from topformer.images import bundled_pictures
from topformer.runtimes import inspect_graph

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pair(exported_small):
    """Return the fp32 and the fp16 file."""
    return [
        next(
            file
            for file in exported_small.files
            if (file.manifest.file.target, file.manifest.file.precision) == ("xnnpack", precision)
        )
        for precision in ("fp32", "fp16")
    ]


def test_it_passes_as_one_delegate_of_half_the_size(pair):
    plain, half = pair
    assert half.manifest.parity.passed
    assert half.path.name == "topformer-tiny-64x64-xnnpack-fp16.pte"
    assert half.manifest.file.size_bytes < 0.53 * plain.manifest.file.size_bytes
    assert half.manifest.delegation.delegates == 1
    assert half.manifest.delegation.outside == ()


def test_both_ends_stay_float32(pair):
    graph = inspect_graph(pair[1].path)
    assert [one.dtype for one in (*graph.inputs, *graph.outputs)] == ["float", "float"]


def test_it_computes_in_half_precision(pair):
    """A file that computes in float32 from rounded weights alone follows torch's half less."""
    *_, simulated, file = pair[1].manifest.parity.steps
    assert simulated.step == "fp16"
    assert 40 < simulated.worst.sqnr_db < 75
    assert 40 < file.worst.sqnr_db < 75


def test_it_says_what_fp32_says_of_pictures(pair):
    plain, half = (open_model(file.path) for file in pair)
    for _, picture in bundled_pictures():
        assert (plain.predict(picture) == half.predict(picture)).mean() > 0.99


def test_it_is_verified_and_says_where_it_is_fast(pair):
    path = pair[1].path
    for weights in (None, "tiny"):
        _, parity = verify_file(path, weights=weights)
        assert parity.passed
        assert parity.gates == get_precision("fp16").gates
    assert (
        "note: Fast on ARM processors that compute in half" in run_command("inspect", path).stdout
    )


def test_a_network_with_several_outputs_is_converted():
    class Two(nn.Module):
        def forward(self, x):
            return x, x * 2

    first, second = HalfNetwork(Two())(torch.full((1, 1, 1, 1), 0.1))
    assert first.dtype == second.dtype == torch.float32
    assert float(first) == float(np.float32(np.float16(0.1)))


def test_onnx_is_refused():
    with pytest.raises(UsageError, match=r"There is no fp16 for onnx"):
        export_model(
            weights="tiny", precisions=["fp16"], targets=["onnx"], image_size=(64, 64), out_dir="."
        )


@pytest.fixture(scope="module")
def convolution():
    return HalfNetwork(nn.Conv2d(64, 128, 1)).eval(), torch.zeros(1, 64, 8, 8)


def test_a_lowering_leaves_executorch_as_it_was(convolution):
    from topformer.export.xnnpack_half import VISITORS, half_visitors

    before = dict(VISITORS)
    lowered = get_target("xnnpack").lower(*convolution)
    assert lowered.delegation.outside == ()
    assert before == VISITORS

    def fail():
        with half_visitors():
            assert before != VISITORS
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert before == VISITORS


@pytest.fixture(scope="module")
def stock(convolution):
    """What ExecuTorch itself writes: float16 at both ends, weights in float32."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    network, example = convolution
    exported = torch.export.export(network.network, (example.half(),))
    edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    return bytes(edge.to_executorch().buffer)


def test_executorch_itself_still_lacks_it(convolution, stock):
    """When this fails, ExecuTorch writes half precision itself: take `xnnpack_half` away."""
    ours = get_target("xnnpack").lower(*convolution).data
    # 64 * 128 weights and 128 biases, of 4 bytes and of 2.
    assert len(stock) - len(ours) > 0.9 * 2 * 65 * 128


def test_weights_stored_in_half_give_the_same_bits(convolution, stock):
    from executorch.extension.pybindings.portable_lib import _load_for_executorch_from_buffer

    def run(data, tensor):
        (output,) = _load_for_executorch_from_buffer(data).forward([tensor])
        return output.float()

    x = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(0)).half()
    ours = run(get_target("xnnpack").lower(*convolution).data, x.float())
    assert torch.equal(ours, run(stock, x))
