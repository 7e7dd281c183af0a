"""A network that is quantised in a moment."""

import pytest
import torch
from torch import nn

from topformer.classes import numbered_classes
from topformer.manifest import Manifest, ModelInfo, OutputInfo, WeightsInfo
from topformer.preprocess import input_info
from topformer.tasks import task_of


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


@pytest.fixture(scope="session")
def task():
    """Take what the network gives for logits of four classes."""
    return task_of(
        Manifest(
            model=ModelInfo(variant="tiny", num_classes=4, fused_channels=8, depthwise_head=True),
            weights=WeightsInfo(name="none", sha256="0" * 64, licence="none", source="a test"),
            input=input_info(128, 128),
            outputs=(OutputInfo(meaning="logits", shape=(1, 4, 16, 16), stride=8),),
            classes=numbered_classes(4),
        )
    )
