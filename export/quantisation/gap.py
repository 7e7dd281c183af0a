"""How far what a runtime computes with a quantised network is from torch's simulation of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from topformer.export.quantisation.quantiser import observe, quantise
from topformer.export.targets import Target
from topformer.runtimes import open_network
from topformer.runtimes.torch_network import TorchNetwork
from topformer.tasks import Task
from topformer.temporary import temporary_folder


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The runtime's outputs against torch's: means over the pictures."""

    sqnr_db: float
    result_agreement: float


def simulation_gap(
    network: nn.Module,
    calibration: Sequence[Tensor],
    pictures: Sequence[Tensor],
    *,
    foreign: bool,
    task: Task[Any],
    target: Target,
) -> Gap:
    """Lower a quantised network, and run it beside its simulation.

    `network` is fused; all pictures are [1, 3, h, w], `foreign` as in `observe`. It takes as long
    as an export. Parts are not compared one by one: XNNPACK does not run a quantised network whose
    parts are outputs.
    """
    quantised = quantise(observe(network, calibration, foreign=foreign))
    simulation = TorchNetwork(quantised)
    lowered = target.lower(quantised, pictures[0])
    with temporary_folder() as folder:
        path = folder / f"quantised{target.suffix}"
        path.write_bytes(lowered.data)
        _, _, height, width = pictures[0].shape
        runtime = open_network(path, (1, 3, height, width))
        agreements = [
            task.compare(
                task.answer(simulation.run(picture.numpy())),
                task.answer(runtime.run(picture.numpy())),
            )
            for picture in pictures
        ]
    return Gap(
        sqnr_db=float(np.mean([one.sqnr_db for one in agreements])),
        result_agreement=float(np.mean([one.result_agreement for one in agreements])),
    )
