"""What a network that learnt on Cityscapes says of a picture, in CamVid's classes.

    git clone https://github.com/sacmehta/EdgeNets

The network is ESPNetv2 2.0 with the weights in EdgeNets (MIT), as the code there builds it; tried
at its commit 2b232d3. Source: Mehta et al., "ESPNetv2", arXiv 1811.11431.
"""

# pyright: standard
# Not strict: EdgeNets has no types.

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional

from topformer.errors import UsageError
from topformer.files import read_bytes
from topformer.manifest import Classes
from topformer.weights.safeload import load_pickled

WEIGHTS = "model/segmentation/model_zoo/espnetv2/espnetv2_s_2.0_city_1024x512.pth"
WEIGHTS_LIMIT_BYTES = 2**24
# The train ids of Cityscapes whose shares make up each class of CamVid.
CITY_IDS = {
    "sky": (10,),
    "building": (2,),
    "pole": (5,),
    "road": (0,),
    "pavement": (1,),
    "tree": (8, 9),
    "sign_symbol": (6, 7),
    "fence": (3, 4),
    "car": (13, 14, 15, 16),
    "pedestrian": (11,),
    "bicyclist": (12, 17, 18),
}
# What it thinks impossible stays possible: its classes are not quite CamVid's.
LEAST_PROBABILITY = 1e-4


class CityNetwork(nn.Module):
    """Normalised RGB [b, 3, h, w] -> logarithms [b, 11, h/8, w/8] of CamVid's classes.

    Runs code of a checkout of EdgeNets. Raises `UsageError` for other classes.
    """

    def __init__(self, edgenets: Path, classes: Classes) -> None:
        super().__init__()
        if classes.names != tuple(CITY_IDS):
            raise UsageError(
                "Cityscapes' classes are told in CamVid's only, not in those of this data set.",
                next_step="Leave out EdgeNets.",
            )
        data = read_bytes(edgenets / WEIGHTS, limit_bytes=WEIGHTS_LIMIT_BYTES, kind="weights")
        sys.path.insert(0, str(edgenets))
        package = import_module("model.segmentation.espnetv2")
        # Cityscapes' 19 classes, and all else.
        asked = SimpleNamespace(s=2.0, channels=3, num_classes=1000)
        self.network = package.ESPNetv2Segmentation(asked, classes=20, dataset="city")
        self.network.load_state_dict(load_pickled(data).content)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        logits = functional.avg_pool2d(self.network(pictures)[:, :19], 8)
        shares = logits.softmax(1)
        summed = [shares[:, list(ids)].sum(1) for ids in CITY_IDS.values()]
        return torch.stack(summed, 1).clamp_min(LEAST_PROBABILITY).log()


class Joined(nn.Module):
    """The geometric mean of what networks say: [b, 3, h, w] -> logarithms [b, classes, h', w']."""

    def __init__(self, *networks: nn.Module) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class; all networks have maps of one size."""
        said = [network(pictures).log_softmax(1) for network in self.networks]
        return torch.stack(said).mean(0)
