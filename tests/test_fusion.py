import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from support.golden_inputs import golden_input
from topformer.fusion import fuse
from topformer.model import HardSigmoid, SemanticsInjection, TopFormerClassifier, create_model
from topformer.variants import TINY, VARIANTS


def randomise_statistics(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.3, 3.0)


@given(
    seed=st.integers(0, 2**31),
    groups=st.sampled_from([1, 2, 4]),
    multiplier=st.integers(1, 3),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    bias=st.booleans(),
    affine=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_a_fused_pair_computes_the_same(seed, groups, multiplier, kernel, stride, bias, affine):
    torch.manual_seed(seed)
    channels = 4 * multiplier
    pair = nn.Sequential(
        nn.Conv2d(4, channels, kernel, stride, kernel // 2, groups=groups, bias=bias),
        nn.BatchNorm2d(channels, affine=affine, eps=10 ** (-torch.rand(1).item() * 5)),
    )
    if affine:
        randomise_statistics(pair)
    pair = pair.double().eval()
    fused = fuse(pair)
    x = torch.randn(2, 4, 11, 9, dtype=torch.float64)
    assert isinstance(fused[1], nn.Identity)
    torch.testing.assert_close(fused(x), pair(x), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("size", VARIANTS)
def test_the_fused_network_equals_the_unfused_one(size):
    torch.manual_seed(0)
    model = create_model(size).double().eval()
    randomise_statistics(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fused = fuse(model)
    assert not [m for m in fused.modules() if isinstance(m, nn.BatchNorm2d)]
    x = torch.randn(1, 3, 128, 192, dtype=torch.float64)
    with torch.inference_mode():
        expected, found = model(x), fused(x)
    assert (expected - found).abs().max() <= 1e-10 * max(1.0, float(expected.abs().max()))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), f"fusing changed the original's {name}"


@pytest.mark.parametrize("case", range(4))
def test_golden_network_fuses_to_1e_10(golden, case):
    """On the golden inputs: on white noise its unscaled attention amplifies float64's rounding."""
    model = create_model("tiny").double().eval()
    model.load_state_dict(golden["state_dict"])
    spec = golden["fixture"]["cases"][case]
    _, _, height, width = spec["input_shape"]
    x = torch.from_numpy(golden_input(1, height, width, spec["input_seed"])).double()
    with torch.inference_mode():
        assert (model(x) - fuse(model)(x)).abs().max() <= 1e-10


def test_a_hard_sigmoid_leaves_its_limits_only():
    torch.manual_seed(0)
    injection = SemanticsInjection(8, 8).double().eval()
    randomise_statistics(injection)
    local, semantics = torch.randn(1, 8, 8, 8).double(), 9 * torch.randn(1, 8, 2, 2).double()
    fused = fuse(injection)
    with torch.inference_mode():
        gates = injection.squash(injection.global_act(semantics))
        assert (gates.min(), gates.max()) == (0, 1)  # both limits are met
        torch.testing.assert_close(fused(local, semantics), injection(local, semantics))
    assert isinstance(fused.squash, nn.Hardtanh)
    assert isinstance(injection.squash, HardSigmoid)


def test_norms_that_follow_no_convolution_stay():
    fused = fuse(TopFormerClassifier(TINY))
    assert isinstance(fused.head.bn, nn.BatchNorm1d)
    assert not [m for m in fused.modules() if isinstance(m, nn.BatchNorm2d)]


def test_no_batch_norm_is_left_in_the_exported_graph():
    model = fuse(create_model("tiny").eval())
    program = torch.export.export(model, (torch.randn(1, 3, 64, 64),))
    operators = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert "aten.conv2d.default" in operators
    assert not [name for name in operators if "batch_norm" in name]
