"""RetinaNet (Lin et al., ICCV 2017, arXiv 1708.02002) on TopFormer's backbone: the second task.

Three injected maps become five levels by a feature pyramid, and a head says at every place of each
level, for nine anchors, how likely each class is and how far the box lies from the anchor. The
network ends there: `tasks/detection.py` makes boxes of it, outside the exported graph.

The `retinanet` head is the published one, of torchvision's parts. The `lite` head is ours, for
phones: fewer channels, depthwise-separable convolutions, and weights of its own at each level, as
BatchNorm needs, since levels differ in their statistics.
"""

# pyright: standard
# Not strict: torchvision's detection parts carry few types.

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelP6P7

from topformer.detection import ANCHORS_PER_PLACE, LEVEL_STRIDES, LITE, RETINANET, check_head
from topformer.errors import UsageError
from topformer.model import Backbone, check_input_size, conv_bn
from topformer.variants import Variant, get_variant

_RETINANET_CHANNELS = 256
_LITE_CHANNELS = 80
_LITE_DEPTH = 2
# RetinaNet's focal loss begins with this probability everywhere, or the many places without an
# object would drown the few with one.
PRIOR_PROBABILITY = 0.01


class Detector(nn.Module):
    """The detection network; returns the raw outputs of each level."""

    task = "object-detection"

    def __init__(self, variant: Variant, *, num_classes: int = 80, head: str = RETINANET) -> None:
        super().__init__()
        if num_classes < 1:
            raise UsageError(f"A model needs at least one class, not {num_classes}.")
        self.variant = variant
        self.num_classes = num_classes
        self.detection_head = head
        self.backbone = Backbone(variant)
        self.backbone.reset_parameters()
        channels = [variant.fused_channels] * 3
        self.fpn, self.head = pyramid_and_head(head, channels, num_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Normalised RGB [b, 3, h, w] -> ten maps: class logits of the five levels, then offsets.

        With strides s of 8, 16, 32, 64 and 128: logits [b, 9 classes, h/s, w/s], anchor by anchor,
        and offsets [b, 9 * 4, h/s, w/s]; sizes are rounded up. Raises `UsageError` when a side is
        below 64 pixels.
        """
        check_input_size(x)
        return self.head(self.fpn(self.backbone(x)))

    def output_shapes(self, height: int, width: int) -> list[tuple[int, int, int, int]]:
        """Shapes of the ten maps of one picture of this size, in their order."""
        places = [(-(-height // stride), -(-width // stride)) for stride in LEVEL_STRIDES]
        return [
            (1, ANCHORS_PER_PLACE * numbers, *size)
            for numbers in (self.num_classes, 4)
            for size in places
        ]


def create_detector(
    variant: str | Variant, num_classes: int = 80, *, head: str = RETINANET
) -> Detector:
    """Create a randomly initialised detector in training mode.

    `variant` is "tiny", "small", "base" or a `Variant` of your own; `head` "retinanet", as
    published, or "lite", for phones. Seed torch to repeat the draw.
    """
    found = get_variant(variant) if isinstance(variant, str) else variant
    return Detector(found, num_classes=num_classes, head=head)


def pyramid_and_head(
    head: str, in_channels: Sequence[int], num_classes: int
) -> tuple[nn.Module, nn.Module]:
    """Make what stands on a backbone with maps of so many channels at 1/8, 1/16 and 1/32.

    Raises `UsageError` for an unknown head.
    """
    check_head(head)
    if head == LITE:
        return LitePyramid(in_channels, _LITE_CHANNELS), LiteHead(_LITE_CHANNELS, num_classes)
    return (
        RetinaNetPyramid(in_channels, _RETINANET_CHANNELS),
        RetinaNetMaps(_RETINANET_CHANNELS, ANCHORS_PER_PLACE, num_classes),
    )


class RetinaNetPyramid(FeaturePyramidNetwork):
    """torchvision's pyramid with its two coarse levels.

    The published network's sizes say that the sixth level is made of the backbone's map, not of the
    pyramid's.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__(list(in_channels), out_channels)
        self.coarse = LastLevelP6P7(in_channels[-1], out_channels)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Maps for s = 8, 16, 32, [b, m, h/s, w/s] each -> five [b, c, h/s, w/s], to s = 128."""
        sixth = self.coarse.p6(maps[-1])
        levels = _merge(maps, self.inner_blocks, self.layer_blocks)
        return [*levels, sixth, self.coarse.p7(functional.relu(sixth))]


class LitePyramid(nn.Module):
    """The same pyramid with depthwise-separable convolutions."""

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList(conv_bn(one, out_channels) for one in in_channels)
        self.layer_blocks = nn.ModuleList(separable(out_channels, out_channels) for _ in range(3))
        self.p6 = separable(in_channels[-1], out_channels, stride=2)
        self.p7 = separable(out_channels, out_channels, stride=2)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """As `RetinaNetPyramid`'s."""
        sixth = self.p6(maps[-1])
        return [*_merge(maps, self.inner_blocks, self.layer_blocks), sixth, self.p7(sixth)]


def _merge(
    maps: Sequence[Tensor], inner_blocks: nn.ModuleList, layer_blocks: nn.ModuleList
) -> list[Tensor]:
    """Bring semantics down to the finer maps."""
    merged = inner_blocks[-1](maps[-1])
    levels = [layer_blocks[-1](merged)]
    for number in reversed(range(len(maps) - 1)):
        inner = inner_blocks[number](maps[number])
        merged = _add_enlarged(inner, merged)
        levels.insert(0, layer_blocks[number](merged))
    return levels


def _add_enlarged(fine: Tensor, coarse: Tensor) -> Tensor:
    """Add a coarser map, each of its values repeated: `fine + interpolate(mode="nearest")`.

    XNNPACK has no such resizing. Where both sides double, as at all sizes that are multiples of 32,
    a sum that broadcasts does the same, and is taken.
    """
    batch, channels, height, width = coarse.shape
    size = (fine.shape[2], fine.shape[3])
    if size != (2 * height, 2 * width):
        return fine + functional.interpolate(coarse, size=size, mode="nearest")
    blocks = fine.reshape(batch, channels, height, 2, width, 2)
    total = blocks + coarse.reshape(batch, channels, height, 1, width, 1)
    return total.reshape(fine.shape)


def separable(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    """Filter each channel 3x3, then mix them, with BatchNorm and ReLU after both."""
    return nn.Sequential(
        conv_bn(in_channels, in_channels, kernel_size=3, stride=stride, groups=in_channels),
        nn.ReLU(),
        conv_bn(in_channels, out_channels),
        nn.ReLU(),
    )


class RetinaNetMaps(RetinaNetHead):
    """torchvision's head, shared by all levels, without the sorting of its outputs."""

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Five maps [b, c, h, w] -> their class logits, then their offsets."""
        classifier, regressor = self.classification_head, self.regression_head
        logits = [classifier.cls_logits(classifier.conv(level)) for level in levels]
        offsets = [regressor.bbox_reg(regressor.conv(level)) for level in levels]
        return (*logits, *offsets)


class LiteHead(nn.Module):
    """A head for phones, with weights of its own at each level."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.logits = nn.ModuleList(
            _tower(channels, ANCHORS_PER_PLACE * num_classes) for _ in LEVEL_STRIDES
        )
        self.offsets = nn.ModuleList(_tower(channels, ANCHORS_PER_PLACE * 4) for _ in LEVEL_STRIDES)
        self.reset_parameters()

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Five maps [b, c, h, w] -> their class logits, then their offsets."""
        pairs = [zip(towers, levels, strict=True) for towers in (self.logits, self.offsets)]
        return tuple(tower(level) for each in pairs for tower, level in each)

    def reset_parameters(self) -> None:
        """Begin as RetinaNet does: with small outputs, and objects nowhere likely."""
        for towers, bias in (
            (self.logits, -math.log((1 - PRIOR_PROBABILITY) / PRIOR_PROBABILITY)),
            (self.offsets, 0.0),
        ):
            for tower in towers:
                last = tower.get_submodule("last")
                assert isinstance(last, nn.Conv2d)
                assert last.bias is not None
                nn.init.normal_(last.weight, std=0.01)
                nn.init.constant_(last.bias, bias)


def _tower(channels: int, out_channels: int) -> nn.Sequential:
    layers = [(f"conv{number}", separable(channels, channels)) for number in range(_LITE_DEPTH)]
    return nn.Sequential(OrderedDict([*layers, ("last", nn.Conv2d(channels, out_channels, 1))]))
