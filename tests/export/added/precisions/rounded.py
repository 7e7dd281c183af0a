"""Weights of 8 significant bits, as bfloat16 has them."""

import copy

import torch

from topformer.export.precisions import Converted, Precision
from topformer.manifest import Gates


def convert(network, materials):
    examples = materials.examples
    assert all(example.shape == examples[0].shape for example in examples)
    rounded = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in rounded.parameters():
            parameter.copy_(parameter.bfloat16())
    return Converted(network=rounded)


PRECISION = Precision(
    name="rounded", gates=Gates(sqnr_db=30.0, result_agreement=0.9), convert=convert
)
