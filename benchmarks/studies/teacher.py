"""The teacher of the bundled weights: a pyramid on a network that knows ImageNet (`pyramid.py`).

    python -m topformer.benchmarks.studies.teacher DATASET ROOT OUT [RECIPE.toml [LITE]]

It is trained on the data set's train split by a recipe (`topformer/weights/teacher.toml` is
CamVid's), scored on val, and written as OUT/teacher.onnx for `topformer train --set
teacher=FILE`, and as OUT/teacher.safetensors for the study of pupils, which computes it where the
pupil is. LITE is the number of its EfficientNet-Lite: 0, 1 or 2. The same command goes on with a
run that was stopped.
"""

# pyright: standard
# Not strict: the network has no types.

import sys
from contextlib import closing
from pathlib import Path
from typing import cast

import safetensors.torch
import torch
from torch import nn

from topformer.benchmarks.studies.pyramid import BACKBONE_CHANNELS, Pyramid
from topformer.data.loading import training_batches
from topformer.errors import TopformerError, UsageError
from topformer.files import atomic_write
from topformer.networks import AnyNetwork
from topformer.tasks import SEGMENTATION
from topformer.text import first_line
from topformer.training.allocator import keep_freed_memory
from topformer.training.checkpoints import pack_state, restore, save_checkpoint
from topformer.training.goals import Goal, open_goal
from topformer.training.learner import Learner
from topformer.training.loop import validate
from topformer.training.processes import Place
from topformer.training.recipe import load_recipe, recipe_sha256


def train(goal: Goal, out: Path, lite: int) -> nn.Module:
    """Train a teacher, or go on with it, and return its averaged weights in eval mode."""
    recipe, names = goal.recipe, goal.classes.names
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    place = Place(rank=0, world_size=1, device=device)
    keep_freed_memory()
    torch.manual_seed(recipe.seed)
    # A learner asks no more of a network than that it is a module.
    network = cast("AnyNetwork", Pyramid(len(names), lite, learnt=True))
    learner = Learner(network, recipe, place, goal.loss)
    restored = restore(out)
    if restored is not None:
        if restored.index.recipe_sha256 != recipe_sha256(recipe):
            raise TopformerError(
                f"The run in {out} was begun with another recipe.",
                next_step="Give the same one, or another folder.",
            )
        try:
            learner.load_state(restored.state)
        except torch.OutOfMemoryError:
            raise  # a RuntimeError, too, which says nothing of what was stored
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise TopformerError(
                f"The run in {out} does not fit this teacher.",
                why=first_line(error),
                next_step="If it was begun with another LITE, give that; else another folder.",
            ) from error
    first = 0 if restored is None else restored.index.step
    batches = training_batches(
        goal.samples(),
        first_step=first,
        end_step=recipe.iterations,
        batch=recipe.batch,
        positions=range(recipe.batch),
        seed=recipe.seed,
        workers=recipe.workers,
    )
    with closing(batches):
        for number in range(first, recipe.iterations):
            loss, done = learner.step(number, next(batches)), number + 1
            if done % recipe.log_every == 0:
                sys.stderr.write(f"step {done}: loss {loss:.4f}\n")
            if done % recipe.evaluation_interval == 0 or done == recipe.iterations:
                score = validate(learner.usable, goal, place, done).best.text
                sys.stderr.write(f"step {done}: {score} on val, {goal.protocol.description}\n")
            if done % recipe.checkpoint_interval == 0 or done == recipe.iterations:
                save_checkpoint(
                    out,
                    step=done,
                    recipe_sha256=recipe_sha256(recipe),
                    classes=names,
                    best=None,
                    licence=goal.terms,
                    model=b"",
                    state=pack_state(learner.state()),
                    keep=recipe.keep_checkpoints,
                )
    return learner.usable.cpu().eval()


def write_onnx(teacher: nn.Module, path: Path, crop: tuple[int, int]) -> None:
    """Write a teacher for pictures of one size and batches of any."""
    example = torch.zeros(2, 3, *crop)
    program = torch.onnx.export(
        teacher, (example,), dynamo=True, dynamic_shapes=({0: "batch"},), verbose=False
    )
    assert program is not None
    atomic_write(path, program.model_proto.SerializeToString())


def main() -> int:
    """Train and write a teacher; return the exit status."""
    if not 4 <= len(sys.argv) <= 6:
        sys.stderr.write(f"{__doc__}")
        return 2
    dataset, root, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    try:
        recipe = load_recipe(dataset, "tiny", path=Path(sys.argv[4]) if sys.argv[4:] else None)
        teacher = train(open_goal(SEGMENTATION, dataset, root, recipe), out, _lite(sys.argv[5:]))
        state = {name: tensor.contiguous() for name, tensor in teacher.state_dict().items()}
        atomic_write(out / "teacher.safetensors", safetensors.torch.save(state))
        write_onnx(teacher, out / "teacher.onnx", recipe.crop)
    except TopformerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{out / 'teacher.onnx'}\n")
    return 0


def _lite(words: list[str]) -> int:
    number = words[0] if words else "0"
    if number not in map(str, BACKBONE_CHANNELS):
        raise UsageError(f"There is no EfficientNet-Lite{number} here.", next_step="0, 1 or 2.")
    return int(number)


if __name__ == "__main__":
    sys.exit(main())
