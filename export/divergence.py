"""Find the module where a failing step first strays, by watching every module's output."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topformer import metrics
from topformer.export.targets import Target
from topformer.model import TopFormer
from topformer.runtimes import open_network
from topformer.temporary import temporary_folder


class TappedNetwork(nn.Module):
    """A network that returns the outputs of its parts, in the order of execution.

    The parts are the pyramid's layers, the pooling, the transformer's blocks, the injections, the
    head's fusion and the last layer.
    """

    def __init__(self, network: TopFormer) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.paths = _tapped_paths(network)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """[1, 3, h, w] -> one tensor for each of `paths`."""
        outputs: dict[str, Tensor] = {}
        handles = [
            self.network.get_submodule(path).register_forward_hook(
                lambda _module, _inputs, output, path=path: outputs.update({path: output})
            )
            for path in self.paths
        ]
        try:
            self.network(x)
        finally:
            for handle in handles:
                handle.remove()
        return tuple(outputs[path] for path in self.paths)


def _tapped_paths(network: TopFormer) -> list[str]:
    backbone = network.backbone
    paths = ["backbone.tpm.stem"]
    paths += [f"backbone.tpm.{name}" for name in backbone.tpm.layer_names]
    paths.append("backbone.ppa")
    for number in range(len(backbone.trans.transformer_blocks)):
        block = f"backbone.trans.transformer_blocks.{number}"
        paths += [f"{block}.attn", f"{block}.mlp"]
    paths += [f"backbone.SIM.{level}" for level in range(1, len(backbone.SIM))]
    return [*paths, "decode_head.linear_fuse", "decode_head"]


def first_divergence(
    reference: TopFormer,
    candidate: TopFormer,
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
    expected = _run_torch(TappedNetwork(reference), torch.as_tensor(tensor).double())
    network = convert(tapped)
    if target is None:
        found = _run_torch(network, torch.as_tensor(tensor))
    else:
        found = _run_lowered(network, tensor, target)
    for path, wanted, got in zip(tapped.paths, expected, found, strict=True):
        if metrics.sqnr_db(wanted, got) < gate_db:
            return path
    return ""


@torch.inference_mode()
def _run_torch(tapped: nn.Module, tensor: Tensor) -> Sequence[NDArray[np.floating]]:
    return [output.numpy() for output in tapped(tensor)]


def _run_lowered(
    tapped: nn.Module, tensor: NDArray[np.float32], target: Target
) -> Sequence[NDArray[np.floating]]:
    lowered = target.lower(tapped, torch.as_tensor(tensor))
    with temporary_folder() as folder:
        path = folder / f"tapped{target.suffix}"
        path.write_bytes(lowered.data)
        _, _, height, width = tensor.shape
        return open_network(path, (1, 3, height, width)).run(tensor)
