"""Corrected biases: rounding moves no channel's mean."""

import pytest
import torch

from topformer import metrics
from topformer.export.quantisation.biases import correct_biases
from topformer.export.quantisation.quantiser import observe, quantise

pytestmark = pytest.mark.slow


@torch.inference_mode()
def channel_means(network, pictures):
    return torch.stack([network(picture).mean((0, 2, 3)) for picture in pictures]).mean(0)


def test_channels_keep_their_means(network, pictures):
    observed = observe(network, pictures)
    expected = channel_means(network, pictures)
    before = channel_means(quantise(observed), pictures)
    correct_biases(observed, pictures)
    after = channel_means(quantise(observed), pictures)
    assert (after - expected).abs().max() < 0.5 * (before - expected).abs().max()


def test_the_network_itself_is_not_changed(network, pictures):
    before = network[0].bias.clone()
    correct_biases(observe(network, pictures), pictures)
    assert torch.equal(network[0].bias, before)


def test_the_result_is_still_close(network, pictures):
    observed = observe(network, pictures)
    correct_biases(observed, pictures)
    with torch.inference_mode():
        expected, found = network(pictures[0]), quantise(observed)(pictures[0])
    assert metrics.sqnr_db(expected.numpy(), found.numpy()) > 20
