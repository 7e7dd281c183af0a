"""What other load on the machine costs, and what the passive waiting of OpenMP's threads saves.

    python -m topformer.benchmarks.studies.waiting

An export and training steps, each with torch's threads spinning while they wait, as they do by
default, and sleeping, as this package has it; alone, and beside one busy loop. Each time is of a
process of its own, and the four kinds take turns. Wants a machine that does nothing else.
"""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ROUNDS = 3
_OPENMPS = ("OMP_", "GOMP_", "KMP_")
STEPS = 6
# What libgomp spins where nothing is set. Source: GCC, libgomp/env.c, initialize_env.
DEFAULT_SPINS = {"GOMP_SPINCOUNT": "300000"}
POLICIES = {"spinning": DEFAULT_SPINS, "sleeping": {"OMP_WAIT_POLICY": "passive"}}


def export_s(environment: dict[str, str]) -> float:
    """Seconds that an export of the bundled Tiny to ONNX at 64x64 takes, its start included."""
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        _run(
            ["topformer", "export", "--target", "onnx", "--image-size", "64", "--out", folder],
            environment,
        )
        return time.perf_counter() - start


def step_s(environment: dict[str, str]) -> float:
    """Seconds of one training step by CamVid's recipe: the median of several."""
    return float(_run(["topformer.benchmarks.studies.waiting", "step"], environment))


JOBS = {"export": export_s, "training step": step_s}


def _run(arguments: list[str], environment: dict[str, str]) -> str:
    inherited = {name: v for name, v in os.environ.items() if not name.startswith(_OPENMPS)}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, env=inherited | environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@contextmanager
def busy_loop(wanted: bool) -> Generator[None]:
    """Keep one core busy meanwhile, where that is wanted."""
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as loop:
        try:
            yield
        finally:
            loop.kill()


def measure(job: str) -> dict[tuple[str, bool], list[float]]:
    """Times in seconds by policy and by whether a busy loop ran beside, taken in turns."""
    times: dict[tuple[str, bool], list[float]] = {
        (policy, busy): [] for policy in POLICIES for busy in (False, True)
    }
    for _ in range(ROUNDS):
        for (policy, busy), taken in times.items():
            with busy_loop(busy):
                taken.append(JOBS[job](POLICIES[policy]))
    return times


def take_steps() -> float:
    """Median seconds of a training step in this process, on random numbers."""
    import torch  # noqa: PLC0415

    from topformer.data.sharing import Batch  # noqa: PLC0415
    from topformer.model import create_model  # noqa: PLC0415
    from topformer.training.learner import Learner  # noqa: PLC0415
    from topformer.training.losses.segmentation import segmentation_loss  # noqa: PLC0415
    from topformer.training.processes import Place  # noqa: PLC0415
    from topformer.training.recipe import load_recipe  # noqa: PLC0415

    recipe, classes = load_recipe("camvid", "tiny"), 11
    place = Place(rank=0, world_size=1, device=torch.device("cpu"))
    learner = Learner(
        create_model("tiny", classes),
        recipe,
        place,
        lambda logits, labels, _: segmentation_loss(logits, labels, recipe),
    )
    shape = (recipe.batch, *recipe.crop)
    batch = Batch(
        pictures=torch.randn(shape[0], 3, *recipe.crop),
        truth=torch.randint(0, classes, shape),
        sources=(Path("random"),),
    )
    taken: list[float] = []
    for number in range(STEPS):
        start = time.perf_counter()
        learner.step(number, batch)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[1:]))


def main() -> int:
    """Print one table as Markdown; with "step", the seconds of a training step alone."""
    if sys.argv[1:] == ["step"]:
        sys.stdout.write(f"{take_steps()}\n")
        return 0
    if len(sys.argv) > 1:
        sys.stderr.write(f"{__doc__}")
        return 2
    sys.stdout.write(
        "| seconds, median (least to most) | waiting | alone | beside a loop | times |\n"
    )
    sys.stdout.write("|---|---|---|---|---|\n")
    for job in JOBS:
        times = measure(job)
        for policy in POLICIES:
            alone, beside = (np.array(times[policy, busy]) for busy in (False, True))
            shown = [
                f"{np.median(one):.2f} ({one.min():.2f}-{one.max():.2f})" for one in (alone, beside)
            ]
            ratio = np.median(beside) / np.median(alone)
            sys.stdout.write(f"| {job} | {policy} | {' | '.join(shown)} | {ratio:.1f} |\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
