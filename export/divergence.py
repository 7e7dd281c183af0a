"""Find the module where a failing step first strays, by watching every module's output."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topformer import metrics
from topformer.export.targets import Target
from topformer.model import TopFormer
from topformer.networks import AnyNetwork
from topformer.runtimes import open_network
from topformer.runtimes.torch_network import TorchNetwork
from topformer.temporary import temporary_folder


class TappedNetwork(nn.Module):
    """A network that returns the outputs of its parts, in the order of execution.

    The parts are the pyramid's layers, the pooling, the transformer's blocks, the injections, and
    those of the head: its fusion and the last layer, or a detector's pyramid and the convolutions
    at the end of its towers. A part that runs once a level has one output for each.
    """

    def __init__(self, network: AnyNetwork) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        # As it is: torch warns of the export of what says that it is in training.
        self.training = network.training
        self.paths = _tapped_paths(network)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """[1, 3, h, w] -> the tensors of each of `paths`, in turn."""
        return tuple(output for _, output in self.by_part(x))

    def by_part(self, x: Tensor) -> list[tuple[str, Tensor]]:
        """As `forward`, with the paths."""
        outputs: dict[str, list[Tensor]] = {path: [] for path in self.paths}

        def keep(path: str, output: Any) -> None:
            outputs[path] += [output] if isinstance(output, Tensor) else output

        handles = [
            self.network.get_submodule(path).register_forward_hook(
                lambda _module, _inputs, output, path=path: keep(path, output)
            )
            for path in self.paths
        ]
        try:
            self.network(x)
        finally:
            for handle in handles:
                handle.remove()
        return [(path, output) for path in self.paths for output in outputs[path]]


def _tapped_paths(network: AnyNetwork) -> list[str]:
    backbone = network.backbone
    paths = ["backbone.tpm.stem"]
    paths += [f"backbone.tpm.{name}" for name in backbone.tpm.layer_names]
    paths.append("backbone.ppa")
    for number in range(len(backbone.trans.transformer_blocks)):
        block = f"backbone.trans.transformer_blocks.{number}"
        paths += [f"{block}.attn", f"{block}.mlp"]
    paths += [f"backbone.SIM.{level}" for level in range(1, len(backbone.SIM))]
    if isinstance(network, TopFormer):
        return [*paths, "decode_head.linear_fuse", "decode_head"]
    return [*paths, "fpn", *_ends_of_towers(network.head)]


def _ends_of_towers(head: nn.Module) -> list[str]:
    """Find the convolutions that give a detector's outputs."""
    ends = ("last.weight", "cls_logits.weight", "bbox_reg.weight")
    names = [name for name in head.state_dict() if name.endswith(ends)]
    return [f"head.{name.removesuffix('.weight')}" for name in names]


def first_divergence(
    reference: AnyNetwork,
    candidate: AnyNetwork,
    tensor: NDArray[np.float32],
    gate_db: float,
    *,
    convert: Callable[[nn.Module], nn.Module] = lambda network: network,
    target: Target | None = None,
) -> str:
    """Name the first module whose output falls below `gate_db` of SQNR on one input.

    `reference` is the float64 network. The candidate is converted to its precision; then it runs in
    torch, or is lowered to a target, which takes as long as an export. Returns "" when no module
    strays on its own: then the whole graph's lowering, or the file, is at fault.
    """
    tapped = TappedNetwork(candidate)
    with torch.inference_mode():
        expected = TappedNetwork(reference).by_part(torch.as_tensor(tensor).double())
    network = convert(tapped)
    if target is None:
        found = TorchNetwork(network).run(tensor)
    else:
        found = _run_lowered(network, tensor, target)
    for (path, wanted), got in zip(expected, found, strict=True):
        if metrics.sqnr_db(wanted.numpy(), got) < gate_db:
            return path
    return ""


def _run_lowered(
    tapped: nn.Module, tensor: NDArray[np.float32], target: Target
) -> Sequence[NDArray[np.floating]]:
    lowered = target.lower(tapped, torch.as_tensor(tensor))
    with temporary_folder() as folder:
        path = folder / f"tapped{target.suffix}"
        path.write_bytes(lowered.data)
        _, _, height, width = tensor.shape
        return open_network(path, (1, 3, height, width)).run(tensor)
