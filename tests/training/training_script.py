"""A small training run as a process of its own, alone or under torchrun."""

import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from training_fakes import SilentObserver, settled_model, small_recipe, small_run

from topformer.training.loop import train
from topformer.training.processes import join


class Slow(SilentObserver):
    """Gives a test the time to kill this process in the middle."""

    def on_step(self, step):
        if step > 2:
            time.sleep(30)


def main() -> None:
    torch.set_num_threads(1)
    folder, out, *flags = sys.argv[1:]
    accumulate = 2 if "--accumulate" in flags else 1
    run = small_run(Path(folder), Path(out), small_recipe(batch=4, accumulate=accumulate))
    observer = Slow() if "--slow" in flags else SilentObserver()
    with join() as place:
        train(run, settled_model(), place, observer, resume="--resume" in flags)


main()
