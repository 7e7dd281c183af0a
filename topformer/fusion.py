"""Fold what is linear into the convolutions before it; a shipped network has no more of it."""

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from topformer.model import HardSigmoid, SemanticsInjection

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def fuse(model: ModuleT) -> ModuleT:
    """Return a copy of a model in eval mode with BatchNorm and hard sigmoids folded.

    A BatchNorm2d is folded into a Conv2d that directly precedes it in one `nn.Sequential`;
    depthwise, strided and biased convolutions included. The fused convolution gains a bias; the
    BatchNorm's place is taken by an identity, so module paths stay. A hard sigmoid's slope and
    offset go into the convolution before it, and its limits stay: runtimes compute such limits with
    the convolution. Each folding is computed in float64, then rounded to the model's own dtype.
    """
    fused = copy.deepcopy(model).eval()
    for sequence in fused.modules():
        if isinstance(sequence, nn.Sequential):
            _fold_norms(sequence)
    for injection in fused.modules():
        if isinstance(injection, SemanticsInjection):
            _fold_hard_sigmoid(injection)
    return fused


def _fold_norms(sequence: nn.Sequential) -> None:
    for (first, conv), (second, norm) in pairwise(list(sequence.named_children())):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            dtype = conv.weight.dtype
            folded = fuse_conv_bn_eval(conv.double(), norm.double()).to(dtype)
            setattr(sequence, first, folded)
            setattr(sequence, second, nn.Identity())


@torch.no_grad()
def _fold_hard_sigmoid(injection: SemanticsInjection) -> None:
    """relu6(w x + b + 3) / 6 is w/6 x + (b + 3)/6, held between 0 and 1."""
    conv = injection.global_act.get_submodule("conv")
    if not isinstance(injection.squash, HardSigmoid) or not isinstance(conv, nn.Conv2d):
        return
    assert conv.bias is not None
    conv.weight.copy_(conv.weight.double() / 6.0)
    conv.bias.copy_((conv.bias.double() + 3.0) / 6.0)
    injection.squash = nn.Hardtanh(0.0, 1.0)
