"""Rewrite a network so that int8 has less to compute and less to lose; the function stays."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from topformer.export.quantisation.equalise import equalise
from topformer.model import SemanticsInjection, TopFormer
from topformer.networks import AnyNetwork


def rewrite(network: AnyNetwork, pictures: Sequence[Tensor], *, foreign: bool) -> AnyNetwork:
    """Return a fused network that computes the same and is better to quantise.

    `pictures` are [1, 3, h, w], and `foreign` where they are not of what the model is for: channels
    are not equalised then, because that would be to the ranges of other pictures.
    """
    folded = fold_head(network) if isinstance(network, TopFormer) else network
    return folded if foreign else equalise(folded, pictures)


@torch.no_grad()
def fold_head(network: TopFormer) -> TopFormer:
    """Return a fused network without the head's 1x1 convolution, where that is depthwise.

    A factor and an offset for each channel of a sum go into what is added up: both products of each
    injection take the factor, and one of them the offset, which resizing leaves as it is.
    """
    fuse = network.decode_head.linear_fuse.get_submodule("conv")
    assert isinstance(fuse, nn.Conv2d)
    folded = copy.deepcopy(network)
    if fuse.groups == 1:
        return folded
    factor, offset = fuse.weight.flatten(), fuse.bias
    assert offset is not None
    folded.decode_head.linear_fuse = nn.Sequential()
    *_, last = injections = [
        one for one in folded.backbone.SIM if isinstance(one, SemanticsInjection)
    ]
    for injection in injections:
        for part in (injection.local_embedding, injection.global_embedding):
            conv = part.get_submodule("conv")
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            conv.weight *= factor[:, None, None, None]
            conv.bias *= factor
            if part is last.global_embedding:
                conv.bias += offset
    return folded
