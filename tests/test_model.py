import copy
import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from support.golden_inputs import golden_input, sample_positions
from support.golden_step import golden_step
from topformer.errors import UsageError
from topformer.fusion import fuse
from topformer.model import (
    LARGEST_HALF,
    Attention,
    DropPath,
    TopFormerClassifier,
    create_model,
)
from topformer.variants import TINY, VARIANTS, get_variant

CASES = range(4)  # 512x512, 448x448, 384x576, 321x481


@pytest.fixture(scope="module")
def official(golden):
    model = create_model("tiny").eval()
    model.load_state_dict(golden["state_dict"])
    return model


@pytest.fixture(params=CASES)
def case(request, golden):
    return golden["fixture"]["cases"][request.param]


def case_input(case):
    _, _, height, width = case["input_shape"]
    array = golden_input(1, height, width, case["input_seed"])
    assert hashlib.sha256(array.tobytes()).hexdigest() == case["input_sha256"]
    return torch.from_numpy(array)


def samples(tensor, count, seed):
    flat = tensor.flatten()
    return flat[torch.from_numpy(sample_positions(flat.numel(), count, seed))]


@pytest.mark.parametrize(("dtype", "tolerance"), [("f32", 1e-3), ("f64", 1e-8)])
@pytest.mark.parametrize("fused", [False, True])
def test_logits_equal_the_official_network(official, case, dtype, tolerance, fused):
    model = fuse(official) if fused else official
    x = case_input(case)
    if dtype == "f64":
        # Doubled before fusing: the other way round would measure float32 rounding.
        doubled = create_model("tiny").eval().double()
        doubled.load_state_dict(official.state_dict())
        model, x = (fuse(doubled) if fused else doubled), x.double()
    with torch.inference_mode():
        logits = model(x)
    assert tuple(logits.shape) == case["logits_shape"] == official.logits_shape(*x.shape[2:])
    found = samples(logits, case["idx_k"], case["idx_seed"])
    torch.testing.assert_close(found, case[f"logits_{dtype}"], atol=tolerance, rtol=0)
    strays = (logits.argmax(1)[0] != case["argmax"]) & (case["top2_margin"] > 2 * tolerance)
    assert not strays.any()


def test_every_part_equals_the_official_one(official, case):
    found = {}
    model = create_model("tiny").eval().double()
    model.load_state_dict(official.state_dict())
    for path in case["taps"]:
        if not path.endswith("(input)"):
            model.get_submodule(path).register_forward_hook(
                lambda _m, _i, output, path=path: found.update({path: output})
            )
    with torch.inference_mode():
        model(case_input(case).double())
    assert len(found) >= 20
    for path, output in found.items():
        # The official ConvModule applies its ReLU inside, ours in the head's forward.
        actual = output.relu() if path == "decode_head.linear_fuse" else output
        tap = case["taps"][path]
        picked = samples(actual, case["tap_idx_k"], case["tap_idx_seed"])
        torch.testing.assert_close(picked, tap["f64"].double(), atol=1e-6, rtol=1e-6, msg=path)


def test_training_step_equals_the_official_one(golden):
    step = golden["fixture"]["train_step"]
    model, x, target = golden_step(golden)
    logits = functional.interpolate(
        model(x), size=target.shape[1:], mode="bilinear", align_corners=False
    )
    # As published: ignored pixels count in the denominator.
    loss = functional.cross_entropy(logits, target, ignore_index=255, reduction="none").mean()
    loss.backward()

    assert loss.item() == pytest.approx(step["loss"], rel=1e-9)
    parameters = dict(model.named_parameters())
    assert parameters.keys() == step["grads"].keys()
    for name, expected in step["grads"].items():
        gradient = parameters[name].grad
        assert gradient is not None
        assert gradient.norm().item() == pytest.approx(expected["norm"], rel=1e-6, abs=1e-12), name
        torch.testing.assert_close(
            gradient.flatten()[: len(expected["head"])], expected["head"], rtol=1e-6, atol=1e-10
        )
    buffers = dict(model.named_buffers())
    for name, expected in step["running_after"].items():
        assert buffers[name].sum().item() == pytest.approx(expected["sum"], rel=1e-9), name


@pytest.mark.parametrize(
    ("size", "parameters"), [("tiny", 1_389_654), ("small", 3_034_662), ("base", 5_062_646)]
)
def test_parameter_counts_are_the_published_ones(size, parameters):
    assert sum(p.numel() for p in create_model(size).parameters()) == parameters


@pytest.mark.parametrize("size", VARIANTS)
@pytest.mark.parametrize(
    ("height", "width"), [(64, 64), (65, 97), (321, 481), (100, 448), (480, 360)]
)
def test_any_size_from_64_works(size, height, width):
    model = create_model(size, num_classes=5).eval()
    with torch.inference_mode():
        logits = model(torch.zeros(1, 3, height, width))
    assert tuple(logits.shape) == model.logits_shape(height, width)
    assert tuple(logits.shape) == (1, 5, -(-height // 8), -(-width // 8))


def test_too_small_a_picture_is_refused():
    with pytest.raises(UsageError, match="too small"):
        create_model("tiny")(torch.zeros(1, 3, 63, 64))


def test_unknown_variant_names_the_known_ones():
    with pytest.raises(UsageError) as caught:
        get_variant("huge")
    assert "tiny, small, base" in caught.value.next_step


def test_cityscapes_variant_has_a_dense_head_and_128_channels():
    for variant in VARIANTS.values():
        head = create_model(variant.for_cityscapes(), num_classes=19).decode_head
        assert head.linear_fuse.conv.groups == 1
        assert head.linear_fuse.conv.weight.shape == (128, 128, 1, 1)


def test_initialisation_is_the_published_one():
    torch.manual_seed(0)
    model = create_model("base")
    assert model.training
    conv = model.backbone.tpm.get_submodule("layer8.conv.4.c")
    assert conv.weight.std().item() == pytest.approx((2 / 160) ** 0.5, rel=0.02)
    depthwise = model.backbone.trans.transformer_blocks[0].mlp.dwconv
    assert depthwise.weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.05)
    assert not depthwise.bias.any()
    assert model.decode_head.conv_seg.weight.std().item() == pytest.approx(0.01, rel=0.02)
    fuse_conv = model.decode_head.linear_fuse.conv
    assert fuse_conv.weight.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.02)


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    layer = DropPath(0.25).train()
    x = torch.ones(4000, 2, 3)
    y = layer(x)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (y == y[:, :1, :1]).all()
    assert y.mean().item() == pytest.approx(1.0, abs=0.03)
    assert layer.eval()(x) is x


def test_a_network_may_have_one_block():
    blocks = create_model(replace(TINY, blocks=1), 3).backbone.trans.transformer_blocks
    assert [block.drop_path.probability for block in blocks] == [0.0]


def test_drop_path_grows_along_the_blocks():
    blocks = create_model("tiny").backbone.trans.transformer_blocks
    rates = [block.drop_path.probability for block in blocks]
    assert rates == pytest.approx([0.0, 0.1 / 3, 0.2 / 3, 0.1])


@pytest.mark.parametrize(
    ("size", "parameters"), [("tiny", 1_503_304), ("small", 3_105_928), ("base", 5_068_872)]
)
def test_classifier_has_the_published_size_and_layout(size, parameters):
    model = TopFormerClassifier(VARIANTS[size]).eval()
    assert sum(p.numel() for p in model.parameters()) == parameters
    names = list(model.state_dict())
    assert names[0] == "tpm.stem.0.c.weight"
    assert names[-2:] == ["head.l.weight", "head.l.bias"]
    assert "head.bn.running_mean" in names
    assert not any("SIM" in name for name in names)
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, 224, 224)).shape == (2, 1000)


def test_classifier_pools_tokens_to_a_32nd():
    model = TopFormerClassifier(TINY).eval()
    shapes = []
    model.ppa.register_forward_hook(lambda _m, _i, output: shapes.append(output.shape))
    with torch.inference_mode():
        model(torch.zeros(1, 3, 224, 224))
    assert shapes == [(1, 208, 7, 7)]


@pytest.mark.parametrize("seed", range(3))
def test_attention_beyond_the_largest_half_stays_a_number(seed):
    """It is not scaled, and an infinity less an infinity, as in softmax, would be NaN."""
    torch.manual_seed(seed)
    attention = Attention(32, heads=2, key_channels=16, value_channels=32).eval()
    picture = torch.randn(1, 32, 7, 7)
    query, key = (part(picture).reshape(2, 16, 49) for part in (attention.to_q, attention.to_k))
    largest = (query.transpose(1, 2) @ key).abs().max().item()
    # Shared by both, so that neither leaves the range.
    for projection in (attention.to_q, attention.to_k):
        projection.c.weight.data *= math.sqrt(1.5 * LARGEST_HALF / largest)
    with torch.no_grad():
        expected = attention(picture)
        found = copy.deepcopy(attention).half()(picture.half()).float()
    assert found.isfinite().all()
    assert (found - expected).abs().mean() < 0.1 * expected.abs().mean()
