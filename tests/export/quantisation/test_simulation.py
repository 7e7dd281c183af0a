"""Layers quantised one by one in torch."""

import pytest
import torch

from topformer import metrics
from topformer.export.quantisation.quantiser import observe, quantise
from topformer.export.quantisation.sensitivity import rank_layers
from topformer.export.quantisation.simulation import Simulation
from topformer.training.rounded import Rounded

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def observed(network, pictures):
    return observe(network, pictures)


@pytest.fixture(scope="module")
def simulation(observed):
    return Simulation(observed)


def sqnr(network, found, picture):
    with torch.inference_mode():
        return metrics.sqnr_db(network(picture).numpy(), found(picture).numpy())


def test_every_convolution_is_a_layer(simulation):
    assert list(simulation.layers) == ["0", "2", "4"]


def test_no_layer_quantised_is_the_network(network, simulation, pictures):
    assert sqnr(network, simulation.quantise(()), pictures[0]) > 120


def test_all_layers_quantised_is_the_quantised_graph(observed, simulation, pictures):
    whole = simulation.quantise(simulation.layers)
    with torch.inference_mode():
        expected, found = quantise(observed)(pictures[0]), whole(pictures[0])
    assert metrics.sqnr_db(expected.numpy(), found.numpy()) > 40


def test_a_network_in_training_is_rounded_alike(network, simulation, pictures):
    rounded = Rounded(network)
    rounded.learn(network, pictures)
    whole = simulation.quantise(simulation.layers)
    with torch.inference_mode():
        expected, found = whole(pictures[0]), rounded(network, pictures[0])
    assert metrics.sqnr_db(expected.numpy(), found.numpy()) > 60


def test_a_layer_costs_less_than_all_of_them(network, simulation, pictures):
    whole = sqnr(network, simulation.quantise(simulation.layers), pictures[0])
    for layer in simulation.layers:
        alone = sqnr(network, simulation.quantise([layer]), pictures[0])
        assert whole < alone < 100


def test_layers_are_ranked_by_what_they_cost(network, simulation, pictures, task):
    ranked = rank_layers(simulation, pictures, task)
    costs = [sqnr(network, simulation.quantise([layer]), pictures[0]) for layer in ranked]
    assert sorted(ranked) == ["0", "2", "4"]
    assert costs[0] < costs[-1]


def test_a_layer_that_is_kept_is_not_quantised(network, pictures):
    quantised = quantise(observe(network, pictures, keep=["2"]))
    integers = [value for value in quantised.state_dict().values() if value.dtype == torch.int8]
    assert len(integers) == 2
