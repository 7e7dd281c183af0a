import pytest
import torch
from torch import nn

from topformer.complexity import count_macs, operator_macs
from topformer.model import create_model
from topformer.variants import VARIANTS
from topformer.weights.blank import blank_classifier, blank_segmenter

# Exact convolution MACs, and with attention, of the official network (measured by hooks on it).
TABLE = [
    ("tiny", 512, 530_964_480, 534_110_208),
    ("tiny", 448, 406_519_680, 408_363_648),
    ("small", 512, 1_107_578_880, 1_112_297_472),
    ("small", 448, 847_990_080, 850_756_032),
    ("base", 512, 1_745_911_808, 1_752_203_264),
    ("base", 448, 1_336_713_728, 1_340_401_664),
]


@pytest.mark.parametrize(("name", "side", "convolution", "total"), TABLE)
def test_macs_are_those_of_the_official_network(name, side, convolution, total):
    macs = count_macs(blank_segmenter(VARIANTS[name]), side, side)
    assert (macs.convolution, macs.total) == (convolution, total)


@pytest.mark.parametrize(
    ("name", "parameters"), [("tiny", 1_389_654), ("small", 3_034_662), ("base", 5_062_646)]
)
def test_blank_networks_have_all_parameters_and_no_storage(name, parameters):
    model = blank_segmenter(VARIANTS[name])
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"meta"}


def test_attention_follows_its_formula_at_an_odd_size():
    # 4 blocks of 4 heads over 6x8 tokens: queries with keys (16 deep), weights with values (32).
    macs = count_macs(blank_segmenter(VARIANTS["tiny"]), 321, 481)
    assert macs.attention == 4 * 4 * 48**2 * (16 + 32)


def test_counting_leaves_the_model_as_it_was():
    model = create_model("tiny")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    counted = count_macs(model, 64, 128)
    assert model.training
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    assert counted == count_macs(blank_segmenter(VARIANTS["tiny"]), 64, 128)


def test_the_classifier_counts_its_linear_layer():
    variant = VARIANTS["tiny"]
    small = count_macs(blank_classifier(variant, num_classes=10), 224, 224)
    large = count_macs(blank_classifier(variant, num_classes=11), 224, 224)
    assert large.convolution - small.convolution == variant.token_channels


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Conv2d(6, 4, 3, stride=2, padding=1), (1, 6, 9, 7)),
        (nn.Conv2d(6, 12, 3, groups=6, bias=False), (2, 6, 9, 7)),
        (nn.Linear(5, 3), (4, 5)),
    ],
)
def test_macs_of_a_layer_are_its_products(module, shape):
    """With ones for weights and input, the outputs add up to the number of products."""
    nn.init.ones_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    padding = getattr(module, "padding", (0, 0))
    x = torch.ones(shape)
    products = module(x).sum().item()
    if padding != (0, 0):
        # A padded zero counts as a product, as it does for every counter of convolutions.
        unpadded = nn.Conv2d(6, 4, 3, stride=2, bias=False)
        nn.init.ones_(unpadded.weight)
        products = unpadded(torch.nn.functional.pad(x, (1, 1, 1, 1), value=1.0)).sum().item()
    name = "aten.linear.default" if isinstance(module, nn.Linear) else "aten.convolution.default"
    macs = operator_macs(name, [shape, tuple(module.weight.shape)], tuple(module(x).shape))
    assert macs == products


@pytest.mark.parametrize(
    ("name", "inputs", "output", "macs"),
    [
        ("aten.bmm.default", [(3, 4, 5), (3, 5, 6)], (3, 4, 6), 3 * 4 * 5 * 6),
        ("aten.mm.default", [(4, 5), (5, 6)], (4, 6), 4 * 5 * 6),
        ("aten.addmm.default", [(6,), (4, 5), (5, 6)], (4, 6), 4 * 5 * 6),
        ("aten.add.Tensor", [(4, 5), (4, 5)], (4, 5), 0),
        ("aten.avg_pool2d.default", [(1, 3, 8, 8)], (1, 3, 4, 4), 0),
    ],
)
def test_macs_of_an_operator(name, inputs, output, macs):
    assert operator_macs(name, inputs, output) == macs
