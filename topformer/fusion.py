"""Fold BatchNorm into the convolutions before it, which removes it from the shipped network."""

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def fuse(model: ModuleT) -> ModuleT:
    """Return a copy of a model in eval mode with every convolution-BatchNorm pair folded.

    A pair is a Conv2d directly followed by a BatchNorm2d in one `nn.Sequential`; depthwise, strided
    and biased convolutions included. The fused convolution gains a bias; the BatchNorm's place is
    taken by an identity, so module paths stay. The folding is computed in float64, then rounded
    once to the model's own dtype.
    """
    fused = copy.deepcopy(model).eval()
    for sequence in fused.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for (first, conv), (second, norm) in pairwise(list(sequence.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                dtype = conv.weight.dtype
                folded = fuse_conv_bn_eval(conv.double(), norm.double()).to(dtype)
                setattr(sequence, first, folded)
                setattr(sequence, second, nn.Identity())
    return fused
