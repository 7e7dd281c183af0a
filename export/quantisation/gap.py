"""How far what a runtime computes with a quantised network is from torch's simulation of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from topformer import metrics
from topformer.export.divergence import TappedNetwork, run_lowered, run_torch
from topformer.export.quantisation.quantiser import observe, quantise
from topformer.export.targets import Target
from topformer.model import TopFormer


@dataclass(frozen=True, kw_only=True)
class Gap:
    """One part of the network, in the order of execution."""

    part: str
    # Of the runtime's output against torch's, all parts before included.
    sqnr_db: float


def simulation_gaps(
    network: TopFormer, calibration: Sequence[Tensor], picture: Tensor, target: Target
) -> list[Gap]:
    """Lower the quantised network with every part's output exposed, and compare these.

    `network` is fused; all pictures are [1, 3, h, w]. It takes as long as an export.
    """
    tapped = TappedNetwork(network)
    quantised = quantise(observe(tapped, calibration))
    expected = run_torch(quantised, picture)
    found = run_lowered(quantised, picture.numpy(), target)
    return [
        Gap(part=part, sqnr_db=metrics.sqnr_db(wanted, got))
        for part, wanted, got in zip(tapped.paths, expected, found, strict=True)
    ]
