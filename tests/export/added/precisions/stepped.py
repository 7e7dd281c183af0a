"""Logits in as many steps as pictures need: a precision that is calibrated, for one target."""

import torch
from torch import nn

from topformer.export.precisions import Converted, Precision
from topformer.manifest import Gates

STEPS = 1000


class Stepped(nn.Module):
    def __init__(self, network, step):
        super().__init__()
        self.network = network
        self.step = step

    def forward(self, x):
        return torch.round(self.network(x) / self.step) * self.step


@torch.no_grad()
def convert(network, materials):
    largest = max(float(network(picture).abs().max()) for picture in materials.calibration)
    step = largest / STEPS
    if materials.budget is not None:
        while step > 1e-6 and materials.budget.drop_of(Stepped(network, step)) > 0:
            step /= 10
    return Converted(network=Stepped(network, step).eval(), float_layers=("backbone",))


PRECISION = Precision(
    name="stepped",
    gates=Gates(sqnr_db=20.0, result_agreement=0.9),
    convert=convert,
    targets=("program",),
    calibrated=True,
)
