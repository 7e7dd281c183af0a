"""torchvision's small backbones under our pyramid and heads, in the form that lowers as ours does.

Each gives its last map at 1/8, 1/16 and 1/32, which is as far as its strided stages go: of
MobileNetV3 (large) that is before the last 1x1 convolution, to 960 channels, and of ShuffleNetV2
(x1.0) before the one to 1024: both are parts of the classifier. With these taps and the sixth level
made of the fifth the networks have the parameters that are published for them.

What a rewriting of ours spares TopFormer is spared these too: hard sigmoids are folded into the
convolutions before them, and channels are divided by slices, which XNNPACK has.
"""

# pyright: standard
# Not strict: torchvision's networks carry few types.

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large, shufflenet_v2_x1_0
from torchvision.models.shufflenetv2 import InvertedResidual
from torchvision.ops.misc import SqueezeExcitation

from topformer.detector import Detector, create_detector, pyramid_and_head
from topformer.fusion import fuse
from topformer.variants import VARIANTS

CLASSES = 80
# Strided blocks of MobileNetV3 end the stages: these are the last blocks at 1/8, 1/16 and 1/32.
_MOBILENET_TAPS = (6, 12, 15)


class MobileNetTaps(nn.Module):
    """MobileNetV3 (large) as three maps."""

    channels = (40, 112, 160)

    def __init__(self) -> None:
        super().__init__()
        self.features = mobilenet_v3_large().features[: _MOBILENET_TAPS[-1] + 1]

    def forward(self, x: Tensor) -> list[Tensor]:
        """[b, 3, h, w] -> maps at 1/8, 1/16 and 1/32."""
        maps: list[Tensor] = []
        for number, block in enumerate(self.features):
            x = block(x)
            if number in _MOBILENET_TAPS:
                maps.append(x)
        return maps


class ShuffleNetTaps(nn.Module):
    """ShuffleNetV2 (x1.0) as three maps."""

    channels = (116, 232, 464)

    def __init__(self) -> None:
        super().__init__()
        network = shufflenet_v2_x1_0()
        self.stem = nn.Sequential(*network.conv1, network.maxpool)
        self.stages = nn.ModuleList([network.stage2, network.stage3, network.stage4])
        for stage in self.stages:
            assert isinstance(stage, nn.Sequential)
            for number, block in enumerate(stage):
                stage[number] = ShuffledBlock(block)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[b, 3, h, w] -> maps at 1/8, 1/16 and 1/32."""
        x = self.stem(x)
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class ShuffledBlock(nn.Module):
    """A block of ShuffleNetV2 without a split, which XNNPACK's partitioner does not take."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        assert isinstance(block, InvertedResidual)
        self.branch1, self.branch2, self.stride = block.branch1, block.branch2, block.stride

    def forward(self, x: Tensor) -> Tensor:
        """As torchvision's: channels of both branches, in turns."""
        if self.stride == 1:
            half = x.shape[1] // 2
            first, second = x[:, :half], self.branch2(x[:, half:])
        else:
            first, second = self.branch1(x), self.branch2(x)
        batch, channels, height, width = first.shape
        both = torch.cat((first, second), dim=1).reshape(batch, 2, channels, height, width)
        return both.permute(0, 2, 1, 3, 4).reshape(batch, 2 * channels, height, width)


_TAPS: dict[str, Callable[[], MobileNetTaps | ShuffleNetTaps]] = {
    "shufflenet-v2-x1.0": ShuffleNetTaps,
    "mobilenet-v3-large": MobileNetTaps,
}
BACKBONES = ("tiny", "small", *_TAPS)


def create_contestant(backbone: str, head: str) -> Detector:
    """Draw a detector on a backbone, in eval mode, its parts as they are trained."""
    torch.manual_seed(0)
    detector = create_detector(backbone if backbone in VARIANTS else "tiny", CLASSES, head=head)
    if backbone in _TAPS:
        taps = _TAPS[backbone]()
        detector.add_module("backbone", taps)
        detector.fpn, detector.head = pyramid_and_head(head, taps.channels, CLASSES)
    return detector.eval()


def deployed(detector: Detector) -> Detector:
    """Fold all that is linear into the convolutions before it, as exports have it."""
    fused = fuse(detector)
    for module in fused.modules():
        if isinstance(module, SqueezeExcitation) and isinstance(
            module.scale_activation, nn.Hardsigmoid
        ):
            _fold_hard_sigmoid(module)
    return fused


@torch.no_grad()
def _fold_hard_sigmoid(squeeze: SqueezeExcitation) -> None:
    """relu6(w x + b + 3) / 6 is w/6 x + (b + 3)/6, held between 0 and 1."""
    assert squeeze.fc2.bias is not None
    squeeze.fc2.weight.div_(6.0)
    squeeze.fc2.bias.add_(3.0).div_(6.0)
    squeeze.scale_activation = nn.Hardtanh(0.0, 1.0)
