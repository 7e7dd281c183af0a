"""Does reading keep ahead of training? How long a batch takes to make, and a step to compute.

    python -m topformer.benchmarks.studies.training DATASET ROOT [SIZE [FIELD=VALUE...]]

Both follow the data set's shipped recipe, but for the fields given, with random weights and on this
machine. Batches are made in this process on one thread, as a reading process makes them; steps use
the GPU, or the cores torch takes. They are measured in turn. The command exits with 1 when the
recipe's reading processes cannot keep up with the steps.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from topformer.data.loading import training_batches
from topformer.data.sharing import Batch
from topformer.errors import TopformerError
from topformer.networks import create_network
from topformer.tasks import SEGMENTATION
from topformer.training.allocator import keep_freed_memory
from topformer.training.goals import open_goal
from topformer.training.initialise import form_for
from topformer.training.learner import Learner
from topformer.training.processes import Place
from topformer.training.recipe import Recipe, load_recipe, read_assignments

ROUNDS = 12
# Not counted: memory is taken and kernels are chosen in the first ones.
WARM_UPS = 2


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What a round took; the medians over all rounds with the fastest and slowest tenth."""

    batch_ms: Sequence[float]
    step_ms: Sequence[float]

    @property
    def reading_share(self) -> float:
        """Of a step's time, what one reading process needs for a batch."""
        return float(np.median(self.batch_ms) / np.median(self.step_ms))


def measure(dataset: str, root: Path, size: str, recipe: Recipe, *, rounds: int = ROUNDS) -> Timing:
    """Make a batch and take a step on it, in turn."""
    goal = open_goal(SEGMENTATION, dataset, root, recipe)
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = create_network(form_for(size, dataset).variant, len(goal.classes.names))
    learner = Learner(model, recipe, Place(rank=0, world_size=1, device=device), goal.loss)
    threads = torch.get_num_threads()
    batches = training_batches(
        goal.samples(),
        first_step=0,
        end_step=rounds + WARM_UPS,
        batch=recipe.batch,
        positions=range(recipe.batch),
        seed=recipe.seed,
        workers=0,
    )
    made: list[float] = []
    computed: list[float] = []
    for number in range(rounds + WARM_UPS):
        torch.set_num_threads(1)
        start = time.perf_counter()
        batch: Batch = next(batches)
        ready = time.perf_counter()
        torch.set_num_threads(threads)
        learner.step(number, batch)
        made.append(1e3 * (ready - start))
        computed.append(1e3 * (time.perf_counter() - ready))
    return Timing(batch_ms=made[WARM_UPS:], step_ms=computed[WARM_UPS:])


def main() -> int:
    """Print both times and return the exit status."""
    if len(sys.argv) < 3:
        sys.stderr.write(f"{__doc__}")
        return 2
    dataset, root = sys.argv[1], Path(sys.argv[2])
    size = sys.argv[3] if len(sys.argv) > 3 else "tiny"
    try:
        recipe = load_recipe(dataset, size, overrides=read_assignments(sys.argv[4:]))
        timing = measure(dataset, root, size, recipe)
    except TopformerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    for name, values in (("a batch", timing.batch_ms), ("a step", timing.step_ms)):
        low, median, high = np.percentile(values, (10, 50, 90))
        sys.stdout.write(f"{name:8} {median:7.0f} ms ({low:.0f} to {high:.0f})\n")
    sys.stdout.write(
        f"{size} on {dataset}, {recipe.batch} samples of {recipe.crop[0]}x{recipe.crop[1]}: one "
        f"reading process needs {timing.reading_share:.0%} of a step; the recipe has "
        f"{recipe.workers}\n"
    )
    return 0 if timing.reading_share <= recipe.workers else 1


if __name__ == "__main__":
    sys.exit(main())
