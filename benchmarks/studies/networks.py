"""The network alone: exported files beside each other, and OpenVINO on the first ONNX file.

    pip install openvino
    python -m topformer.benchmarks.studies.networks FILE.pte FILE.onnx ...

One thread, no picture before and no labels after. Every contestant has a process of its own, all
answer in turn in random order, and all are started anew several times, because where a process's
memory lands can change its speed for all its life. OpenVINO computes in float32, as its own
`INFERENCE_PRECISION_HINT` makes it: by default it takes bfloat16 where the processor has it. Ratios
are to the first file.
"""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topformer.benchmarks.protocol.statistics import paired_ratio
from topformer.manifest import read_manifest_of
from topformer.runtimes import open_model

LIVES = 5
ROUNDS_A_LIFE = 8
RUNS_A_ROUND = 15
WARM_UP_RUNS = 20
SEED = 0

Tensor = NDArray[np.float32]


def open_in_openvino(path: Path) -> Callable[[Tensor], object]:
    """Return what runs an ONNX file in OpenVINO, in float32 on one thread."""
    # By its name, because it is no dependency of this project.
    openvino = import_module("openvino")
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    return lambda tensor: request.infer([tensor])


@cache
def opened(path: Path, in_openvino: bool) -> Callable[[], object]:
    """Return what runs a file once; opened and warmed up once in the life of a process."""
    info = read_manifest_of(path).input
    tensor = np.random.default_rng(SEED).standard_normal((1, 3, info.height, info.width))
    tensor = tensor.astype(np.float32)
    run = open_in_openvino(path) if in_openvino else open_model(path, threads=1).run
    for _ in range(WARM_UP_RUNS):
        run(tensor)
    return lambda: run(tensor)


def time_runs_ms(path: Path, in_openvino: bool, runs: int) -> list[float]:
    """Time runs of a file one by one."""
    run = opened(path, in_openvino)
    taken: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        taken.append(1e3 * (time.perf_counter() - start))
    return taken


def measure(
    contestants: Sequence[tuple[Path, bool]], *, lives: int, rounds: int, runs: int
) -> NDArray[np.float64]:
    """Return milliseconds [contestants, lives x rounds, runs]."""
    random = np.random.default_rng(SEED)
    samples = np.empty((len(contestants), lives * rounds, runs))
    for life in range(lives):
        with ExitStack() as stack:
            processes = [
                stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
                for _ in contestants
            ]
            for process, contestant in zip(processes, contestants, strict=True):
                process.submit(time_runs_ms, *contestant, 1).result()
            for number in range(life * rounds, (life + 1) * rounds):
                for one in map(int, random.permutation(len(contestants))):
                    timed = processes[one].submit(time_runs_ms, *contestants[one], runs)
                    samples[one, number] = timed.result()
    return samples


def main() -> int:
    """Print one line a contestant."""
    files = [Path(word) for word in sys.argv[1:]]
    if not files:
        sys.exit(__doc__)
    contestants = [(path, False) for path in files]
    contestants += [(path, True) for path in files if path.suffix == ".onnx"][:1]
    samples = measure(contestants, lives=LIVES, rounds=ROUNDS_A_LIFE, runs=RUNS_A_ROUND)
    sys.stdout.write("median ms  times the first (99 % interval)  contestant\n")
    for (path, in_openvino), own in zip(contestants, samples, strict=True):
        ratio = paired_ratio(own, samples[0], seed=SEED)
        low, high = ratio.interval
        spread = f"{ratio.median:.3f} ({low:.3f} to {high:.3f})"
        name = f"{path.name} in OpenVINO, float32" if in_openvino else path.name
        sys.stdout.write(f"{np.median(own):9.2f}  {spread:>32}  {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
