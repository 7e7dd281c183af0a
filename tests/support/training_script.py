"""A small training run as a process of its own, alone or under torchrun."""

import itertools
import math
import os
import sys
import time
from pathlib import Path

import torch
from training_fakes import SilentObserver, settled_model, small_box_run, small_recipe, small_run

from topformer.errors import TopformerError
from topformer.model import create_model
from topformer.training import learner
from topformer.training.loop import train
from topformer.training.processes import join
from topformer.training.rounded import Rounded


class Slow(SilentObserver):
    """Gives a test the time to kill this process in the middle."""

    def on_step(self, step):
        if step > 2:
            time.sleep(30)


class Tells(SilentObserver):
    """Says what a person would be told."""

    def on_notice(self, text):
        sys.stdout.write(f"{text}\n")


class Telling(Rounded):
    """Says by which ranges it rounds."""

    def forward(self, network, pictures):
        sys.stdout.write(f"ranges {self.ranges.numpy().tobytes().hex()}\n")
        return super().forward(network, pictures)


def main() -> None:
    torch.set_num_threads(1)
    folder, out, *flags = sys.argv[1:]
    if "--apart" in flags:
        out = str(Path(out) / os.environ["RANK"])
    accumulate = 2 if "--accumulate" in flags else 1
    workers = 2 if "--workers" in flags else 0
    recipe = small_recipe(batch=4, accumulate=accumulate, workers=workers)
    if "--rounded" in flags:
        recipe = small_recipe(batch=4, workers=workers, quantise_from=0.5)
        learner.Rounded = Telling
    boxes = "--boxes" in flags
    run = (small_box_run if boxes else small_run)(Path(folder), Path(out), recipe)
    model = settled_model(2, head="lite") if boxes else settled_model()
    if "--unsettled" in flags:
        torch.manual_seed(0)
        model = create_model("tiny", 3)
    if "--diverging" in flags and os.environ["RANK"] == "1":
        own_loss, calls = run.goal.loss, itertools.count(1)
        run.goal.loss = lambda *given: own_loss(*given) * (math.nan if next(calls) == 4 else 1)
    observer = Slow() if "--slow" in flags else Tells()
    with join() as place:
        train(run, model, place, observer, resume="--resume" in flags)


try:
    main()
except TopformerError as error:
    sys.exit(str(error))
