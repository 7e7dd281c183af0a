"""What each layer costs when it alone is quantised."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from topformer.export.quantisation.simulation import Simulation
from topformer.runtimes.torch_network import TorchNetwork
from topformer.tasks import Outputs, Task


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """What quantising one layer costs, the others staying in float32."""

    # Module path.
    layer: str
    # Against float32: the mean over the pictures of the SQNR, and of the share of equal results.
    sqnr_db: float
    result_agreement: float
    # Points of the task's score below float32; None where there are no annotated pictures.
    score_drop: float | None


def rank_layers(simulation: Simulation, pictures: Sequence[Tensor], task: Task[Any]) -> list[str]:
    """List layers by what quantising each of them alone costs in SQNR, the worst first.

    `pictures` are [1, 3, h, w]. It takes one forward pass for each layer and picture.
    """
    study = LayerStudy(simulation, pictures, task)
    return sorted(simulation.layers, key=lambda layer: study.cost(layer).sqnr_db)


class LayerStudy:
    """Quantises layers of a network, and measures what that costs on some pictures."""

    def __init__(
        self,
        simulation: Simulation,
        pictures: Sequence[Tensor],
        task: Task[Any],
        *,
        drop_of: Callable[[nn.Module], float] | None = None,
    ) -> None:
        """`pictures` are [1, 3, h, w]; `drop_of` says how many points of its score a form loses."""
        self._simulation, self._pictures = simulation, pictures
        self._task, self._drop_of = task, drop_of
        floating = simulation.quantise(())
        self._expected = [task.answer(_run(floating, picture)) for picture in pictures]

    def cost(self, layer: str) -> LayerCost:
        """Measure one layer."""
        return self._measure(layer, [layer])

    def whole_cost(self) -> LayerCost:
        """Measure all layers together."""
        return self._measure("all layers", self._simulation.layers)

    def _measure(self, name: str, layers: Collection[str]) -> LayerCost:
        network = self._simulation.quantise(layers)
        agreements = [
            self._task.compare(wanted, self._task.answer(_run(network, picture)))
            for wanted, picture in zip(self._expected, self._pictures, strict=True)
        ]
        return LayerCost(
            layer=name,
            sqnr_db=float(np.mean([one.sqnr_db for one in agreements])),
            result_agreement=float(np.mean([one.result_agreement for one in agreements])),
            score_drop=None if self._drop_of is None else self._drop_of(network),
        )


@torch.inference_mode()
def _run(network: nn.Module, picture: Tensor) -> Outputs:
    return TorchNetwork(network).run(picture.numpy())
