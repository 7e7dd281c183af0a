"""Run a very small network in one runtime and compare it with torch: `doctor` calls this.

Usage: `python -m topformer.verbs.probe executorch`.
"""

import sys

import torch
from torch import Tensor, nn

from topformer.errors import TopformerError
from topformer.export.targets import get_target
from topformer.runtimes import open_network
from topformer.runtimes.exported import get_runtime
from topformer.temporary import temporary_folder

TOLERANCE = 1e-5


def main() -> None:
    """Probe the runtime named on the command line; exit 1 with the reason on stderr."""
    try:
        difference = probe(sys.argv[1])
    except Exception as error:  # whatever is broken is the finding
        sys.exit(f"{type(error).__name__}: {error}")
    sys.stdout.write(f"ran a convolution, {difference:.0e} from torch\n")


def probe(runtime: str) -> float:
    """Lower a convolution, run it, and return its largest difference to torch."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()).eval()
    example = torch.randn(1, 3, 16, 16)
    with torch.inference_mode():
        expected = network(example)
    found = expected if runtime == "torch" else _run(runtime, network, example)
    difference = float((expected - found).abs().max())
    if not difference <= TOLERANCE:
        raise TopformerError(f"{runtime} is {difference:.1e} away from torch.")
    return difference


def _run(name: str, network: nn.Module, example: Tensor) -> Tensor:
    runtime = get_runtime(name)
    with temporary_folder() as folder:
        path = folder / f"probe{runtime.suffix}"
        path.write_bytes(get_target(runtime.target).lower(network, example).data)
        (output,) = open_network(path, (1, 3, 16, 16)).run(example.numpy())
        return torch.as_tensor(output)


if __name__ == "__main__":
    main()
