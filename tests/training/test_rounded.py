"""A network that computes as its int8 file will."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from topformer.export.quantisation.quantiser import observe
from topformer.export.quantisation.ranges import RangeObserver
from topformer.fusion import fuse
from topformer.training.rounded import Rounded
from topformer.weights import load_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(3, 3, 16, 16, generator=generator)
    return functional.interpolate(coarse, (64, 64), mode="bilinear")


@pytest.fixture(scope="module")
def network():
    return load_model("tiny").eval()


@pytest.fixture(scope="module")
def rounded(network, pictures):
    made = Rounded(network)
    made.learn(network, [pictures])
    return made


def test_it_learns_the_ranges_that_the_export_learns(network, pictures):
    rounded = Rounded(network)
    rounded.learn(network, pictures.split(1))
    found = rounded.ranges
    expected = ranges_of(observe(fuse(network), pictures.split(1)))
    # Dropout, which computes nothing, has one of its own there. Maps are injected in another order,
    # and the three gates are numbers from 0 to 6 here, from 0 to 1 there.
    assert len(found) == len(expected) - 1
    torch.testing.assert_close(found[:74], expected[:74], rtol=0.05, atol=0.0)
    ratios = found.diff()[:, :1] / expected.diff()[None, :, 0]
    assert ((ratios - 1).abs().amin(1) < 0.01).sum() >= len(found) - 5


def ranges_of(observed):
    """Of activations, in the order of execution."""
    modules = dict(observed.named_modules(remove_duplicate=False))
    called = [modules[node.target] for node in observed.graph.nodes if node.op == "call_module"]
    finders = {id(one): one.finder for one in called if isinstance(one, RangeObserver)}
    return torch.tensor([finder.range() for finder in finders.values()])


def test_gradients_pass_as_if_nothing_were_rounded(network, rounded, pictures):
    plain = gradients(network, network(pictures))
    found = gradients(network, rounded(network, pictures))
    assert all(found[name].any() for name, gradient in plain.items() if gradient.any())
    one, other = (torch.cat([g.flatten() for g in part.values()]) for part in (plain, found))
    assert functional.cosine_similarity(one, other, dim=0) > 0.8


def gradients(network: nn.Module, logits):
    """Of the parameters, for a loss that all logits take part in."""
    names, parameters = zip(*network.named_parameters(), strict=True)
    loss = functional.cross_entropy(logits, logits.detach().argmax(1))
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def test_the_network_itself_stays_as_it_is(network, pictures):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    plain = network(pictures)
    made = Rounded(network)
    made.learn(network, [pictures])
    made(network, pictures)
    assert torch.equal(network(pictures), plain)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_values_that_are_no_numbers_pass_without_a_crash(network, pictures):
    made = Rounded(network)
    made.learn(network, [pictures * torch.inf])
    assert not made(network, pictures * torch.inf).isfinite().all()
