"""How much faster `upsample_labels` is than `interpolate` and `argmax`, on real pictures' logits.

    python -m topformer.benchmarks.studies.upsampling [MODEL]

MODEL is a file or a name; unless given, a random Tiny with ADE20K's 150 classes. Both ways run in
one process on one thread, in turn, on the logits of each bundled picture and of white noise, the
worst case. The promise is ten times as fast; the command exits with 1 when a picture misses that.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from topformer.benchmarks.documents.rows import PairedRatio
from topformer.benchmarks.protocol.statistics import paired_ratio
from topformer.images import bundled_pictures
from topformer.runtimes import OpenedModel, open_model
from topformer.runtimes.torch_network import open_loaded
from topformer.tasks.upsampling import upsample_labels
from topformer.weights import load_weights
from topformer.weights.sources import RANDOM

ROUNDS = 12
CALLS_A_ROUND = 8
WANTED_SPEEDUP = 10.0
SEED = 0

Labels = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Both ways on one input."""

    ours_ms: float
    reference_ms: float
    # How many times as long the reference takes.
    speedup: PairedRatio
    differing_labels: int


def interpolate_and_argmax(logits: NDArray[np.float32], size: tuple[int, int]) -> Labels:
    """Make labels the usual way: [1, c, h, w] -> [1, H, W], with all logits at full size."""
    values = torch.nn.functional.interpolate(
        torch.as_tensor(logits), size=size, mode="bilinear", align_corners=False
    )
    return values.argmax(1).numpy()


def compare(logits: NDArray[np.float32], size: tuple[int, int], *, rounds: int) -> Comparison:
    """Time both ways in turn, after one call of each that does not count."""
    expected = interpolate_and_argmax(logits, size)
    found = upsample_labels(logits, size)
    ours = np.empty((rounds, CALLS_A_ROUND))
    # The reference takes so long that one call a round is as well measured.
    reference = np.empty((rounds, 1))
    for number in range(rounds):
        reference[number, 0] = _time_ms(lambda: interpolate_and_argmax(logits, size))
        for call in range(CALLS_A_ROUND):
            ours[number, call] = _time_ms(lambda: upsample_labels(logits, size))
    return Comparison(
        ours_ms=float(np.median(ours)),
        reference_ms=float(np.median(reference)),
        speedup=paired_ratio(reference, ours, seed=SEED),
        differing_labels=int((expected != found).sum()),
    )


def random_tiny(image_size: tuple[int, int]) -> OpenedModel:
    """Open a random Tiny with as many classes as the published networks have."""
    return open_loaded(load_weights(RANDOM, variant="tiny"), image_size=image_size)


def inputs(model: OpenedModel) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Logits of the bundled pictures, then white noise of the same shape."""
    for name, pixels in bundled_pictures():
        yield name, np.asarray(model.outputs(pixels)[0])
    noise = np.random.default_rng(SEED).standard_normal(model.manifest.outputs[0].shape)
    yield "white noise", noise.astype(np.float32)


def main() -> int:
    """Print one line an input, and return the exit status."""
    torch.set_num_threads(1)
    model = open_model(sys.argv[1], threads=1) if len(sys.argv) > 1 else random_tiny((448, 448))
    info = model.manifest.input
    size = (info.height, info.width)
    sys.stdout.write(
        f"weights {model.manifest.weights.name}: "
        f"logits {list(model.manifest.outputs[0].shape)} to labels {size[0]}x{size[1]}, "
        f"one thread, {ROUNDS} rounds\n"
    )
    sys.stdout.write(
        "input         ours ms  torch ms  times faster (99 % interval)  labels differing\n"
    )
    is_fast = True
    for name, logits in inputs(model):
        result = compare(logits, size, rounds=ROUNDS)
        low, high = result.speedup.interval
        spread = f"{result.speedup.median:.1f} ({low:.1f} to {high:.1f})"
        sys.stdout.write(
            f"{name:12} {result.ours_ms:8.2f} {result.reference_ms:9.1f}  {spread:>28} "
            f"{result.differing_labels:17}\n"
        )
        is_fast &= name == "white noise" or low >= WANTED_SPEEDUP
    return 0 if is_fast else 1


def _time_ms(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
