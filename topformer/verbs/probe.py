"""Run a very small network in one runtime and compare it with torch: `doctor` calls this.

Usage: `python -m topformer.verbs.probe executorch`.
"""

# pyright: standard
# Not strict: executorch and onnxruntime ship no types.

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from topformer.errors import TopformerError

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


def _run(runtime: str, network: nn.Module, example: Tensor) -> Tensor:
    from topformer.export.targets import get_target  # noqa: PLC0415

    target = get_target({"executorch": "xnnpack", "onnxruntime": "onnx"}[runtime])
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"probe{target.suffix}"
        path.write_bytes(target.lower(network, example).data)
        if runtime == "executorch":
            from executorch.runtime import Runtime  # noqa: PLC0415

            method = Runtime.get().load_program(path).load_method("forward")
            assert method is not None
            return method.execute((example,))[0]
        import onnxruntime  # noqa: PLC0415

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return torch.from_numpy(session.run(None, {"image": example.numpy()})[0])


if __name__ == "__main__":
    main()
