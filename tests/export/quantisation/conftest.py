"""A network that is quantised in a moment."""

import pytest
import torch
from torch import nn


@pytest.fixture(scope="session")
def pictures():
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(1, 3, 16, 16, generator=generator) for _ in range(3))


@pytest.fixture(scope="session")
def network():
    """Three convolutions; the channels between the last two have very different ranges."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 4, 1),
    ).eval()
    with torch.no_grad():
        factors = torch.logspace(0, 4, 8, 2.0)
        made[2].weight *= factors[:, None, None, None]
        made[4].weight /= factors[None, :, None, None]
    return made
