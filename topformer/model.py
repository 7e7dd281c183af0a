"""The TopFormer network, in the order of the paper (Zhang et al., CVPR 2022, arXiv 2204.05525).

A picture becomes a token pyramid (MobileNetV2), the pyramid is pooled to 1/64 and concatenated, a
transformer works on those few tokens, its semantics are injected back into the pyramid through
gates, and a small head sums three scales into class logits at 1/8.

Module names follow the official checkpoints, odd ones included, so that those load unchanged. The
forward passes are written so that ExecuTorch lowers the whole network to one XNNPACK delegate:
fixed average pools where the size allows, slices, 3-D matrix products, float constants.
"""

import math
from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from topformer.errors import UsageError
from topformer.variants import LOGIT_STRIDE, MINIMUM_SIDE_PX, Variant, get_variant

LARGEST_HALF = torch.finfo(torch.float16).max


def conv_bn(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int = 1,
    stride: int = 1,
    groups: int = 1,
    conv_name: str = "c",
) -> nn.Sequential:
    """Build a convolution without bias followed by BatchNorm, padded to keep the size at stride 1.

    The official code has two such pairs: its own, with a convolution called `c`, in the pyramid and
    the transformer, and mmcv's, with one called `conv`, in the injection and the head.
    """
    conv = nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        groups=groups,
        bias=False,
    )
    return nn.Sequential(OrderedDict([(conv_name, conv), ("bn", nn.BatchNorm2d(out_channels))]))


class InvertedResidual(nn.Module):
    """MobileNetV2 bottleneck: widen, filter depthwise, narrow without activation."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [conv_bn(in_channels, hidden), nn.ReLU()]
        layers += [
            conv_bn(hidden, hidden, kernel_size=kernel_size, stride=stride, groups=hidden),
            nn.ReLU(),
            conv_bn(hidden, out_channels),
        ]
        self.conv = nn.Sequential(*layers)
        self.has_residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """[b, c_in, h, w] -> [b, c_out, ceil(h/stride), ceil(w/stride)]."""
        return x + self.conv(x) if self.has_residual else self.conv(x)


class TokenPyramid(nn.Module):
    """MobileNetV2 layers whose outputs at strides 4, 8, 16 and 32 form the pyramid."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.taps = variant.pyramid_taps
        channels = 16
        self.stem = nn.Sequential(conv_bn(3, channels, kernel_size=3, stride=2), nn.ReLU())
        self.layer_names: list[str] = []
        for number, spec in enumerate(variant.bottlenecks, start=1):
            layer = InvertedResidual(
                channels,
                spec.channels,
                kernel_size=spec.kernel_size,
                stride=spec.stride,
                expansion=spec.expansion,
            )
            # Checkpoints number the layers from 1, as attributes of their own: layer1, layer2, ...
            self.add_module(f"layer{number}", layer)
            self.layer_names.append(f"layer{number}")
            channels = spec.channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """[b, 3, h, w] -> four maps [b, c_i, h/s, w/s] for s = 4, 8, 16, 32 (sizes rounded up)."""
        x = self.stem(x)
        pyramid: list[Tensor] = []
        for position, name in enumerate(self.layer_names):
            x = self.get_submodule(name)(x)
            if position in self.taps:
                pyramid.append(x)
        return pyramid


def _average_pool_to(x: Tensor, height: int, width: int) -> Tensor:
    """Adaptive average pooling, as a fixed pool where the bins are equal.

    [b, c, h, w] -> [b, c, height, width]. XNNPACK takes the fixed pool only; for sizes that do not
    divide, adaptive bins overlap and no fixed pool equals them.
    """
    if x.shape[2] % height == 0 and x.shape[3] % width == 0:
        kernel = (x.shape[2] // height, x.shape[3] // width)
        return x if kernel == (1, 1) else functional.avg_pool2d(x, kernel, kernel)
    return functional.adaptive_avg_pool2d(x, (height, width))


class PyramidPooling(nn.Module):
    """Pool every pyramid level to one token grid and concatenate the channels."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Four maps [b, c_i, h/s, w/s] -> tokens [b, sum(c_i), ceil(h/32/stride), ...]."""
        height = (pyramid[-1].shape[2] - 1) // self.stride + 1
        width = (pyramid[-1].shape[3] - 1) // self.stride + 1
        return torch.cat([_average_pool_to(level, height, width) for level in pyramid], dim=1)


class Attention(nn.Module):
    """Multi-head self-attention over the token grid, with 1x1 convolutions as projections.

    The product of queries and keys is NOT scaled by 1/sqrt(d): the official code defines the factor
    and never uses it, and the published weights are trained without it. So it can leave the range
    of half precision, where it is held to the largest number: infinities would become NaN.
    """

    def __init__(
        self, channels: int, *, heads: int, key_channels: int, value_channels: int
    ) -> None:
        super().__init__()
        self.heads = heads
        self.key_channels = key_channels
        self.value_channels = value_channels
        self.to_q = conv_bn(channels, heads * key_channels)
        self.to_k = conv_bn(channels, heads * key_channels)
        self.to_v = conv_bn(channels, heads * value_channels)
        self.proj = nn.Sequential(nn.ReLU6(), conv_bn(heads * value_channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, h, w] -> [b, c, h, w]; heads join the batch so that the products are 3-D."""
        batch, _, height, width = x.shape
        tokens = height * width
        groups = batch * self.heads
        query = self.to_q(x).reshape(groups, self.key_channels, tokens).transpose(1, 2)
        key = self.to_k(x).reshape(groups, self.key_channels, tokens)
        value = self.to_v(x).reshape(groups, self.value_channels, tokens).transpose(1, 2)
        likeness = torch.bmm(query, key)  # [b * heads, tokens, tokens]
        if likeness.dtype == torch.float16:
            likeness = likeness.clamp(-LARGEST_HALF, LARGEST_HALF)
        weights = likeness.softmax(dim=-1)
        mixed = torch.bmm(weights, value).transpose(1, 2)  # [b * heads, value, tokens]
        return self.proj(mixed.reshape(batch, self.heads * self.value_channels, height, width))


class Mlp(nn.Module):
    """Feed-forward part of a block, with a depthwise 3x3 convolution in its middle."""

    def __init__(self, channels: int, *, ratio: int) -> None:
        super().__init__()
        hidden = channels * ratio
        self.fc1 = conv_bn(channels, hidden)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=True)
        self.fc2 = conv_bn(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, h, w] -> [b, c, h, w]."""
        return self.fc2(functional.relu6(self.dwconv(self.fc1(x))))


class DropPath(nn.Module):
    """Drop a residual branch per sample while training (stochastic depth)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """[b, ...] -> [b, ...]; kept branches are scaled so that the expectation stays."""
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * mask / keep


class Block(nn.Module):
    """One transformer block; BatchNorm inside the branches takes the place of LayerNorm."""

    def __init__(self, variant: Variant, *, drop_path: float) -> None:
        super().__init__()
        self.attn = Attention(
            variant.token_channels,
            heads=variant.heads,
            key_channels=variant.key_channels,
            value_channels=variant.value_channels,
        )
        self.mlp = Mlp(variant.token_channels, ratio=variant.mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, h, w] -> [b, c, h, w]."""
        x = x + self.drop_path(self.attn(x))
        return x + self.drop_path(self.mlp(x))


class SemanticsExtractor(nn.Module):
    """The transformer: blocks of attention and MLP with a growing drop-path rate."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        last = max(1, variant.blocks - 1)
        self.transformer_blocks = nn.ModuleList(
            Block(variant, drop_path=variant.drop_path * number / last)
            for number in range(variant.blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, h/64, w/64] -> [b, c, h/64, w/64]."""
        for block in self.transformer_blocks:
            x = block(x)
        return x


class HardSigmoid(nn.Module):
    """A straight line between 0 and 1: relu6(x + 3) / 6.

    Fusing moves all but the limits into the convolution before it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[...] -> [...]."""
        # Float literals: with integers the exported graph carries dtype conversions that no
        # delegate takes.
        return functional.relu6(x + 3.0) * (1.0 / 6.0)


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


class SemanticsInjection(nn.Module):
    """Gate a local map with the tokens' semantics and add them to it."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.local_embedding = conv_bn(in_channels, out_channels, conv_name="conv")
        self.global_embedding = conv_bn(in_channels, out_channels, conv_name="conv")
        self.global_act = conv_bn(in_channels, out_channels, conv_name="conv")
        self.squash: nn.Module = HardSigmoid()

    def forward(self, local: Tensor, semantics: Tensor) -> Tensor:
        """[b, c, h, w] and [b, c, h', w'] -> [b, m, h, w].

        The gate is squashed on the small grid and then enlarged, in this order.
        """
        features = self.local_embedding(local)
        size = (features.shape[2], features.shape[3])
        gate = _resize(self.squash(self.global_act(semantics)), size)
        return features * gate + _resize(self.global_embedding(semantics), size)


class Backbone(nn.Module):
    """Pyramid, pooling, transformer and injection."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.tpm = TokenPyramid(variant)
        self.ppa = PyramidPooling(stride=2)
        self.trans = SemanticsExtractor(variant)
        # SIM is the official name. Level 0 feeds the tokens but is not injected, and its place in
        # the list is kept so that the others have their official numbers.
        self.SIM = nn.ModuleList(
            [nn.Identity()]
            + [
                SemanticsInjection(channels, variant.fused_channels)
                for channels in variant.pyramid_channels[1:]
            ]
        )
        bounds = [0]
        for channels in variant.pyramid_channels:
            bounds.append(bounds[-1] + channels)
        self.channel_ranges = list(pairwise(bounds))

    def forward(self, x: Tensor) -> list[Tensor]:
        """[b, 3, h, w] -> three maps [b, m, h/s, w/s] for s = 8, 16, 32 (sizes rounded up)."""
        pyramid = self.tpm(x)
        tokens = self.trans(self.ppa(pyramid))
        fused: list[Tensor] = []
        for level in range(1, len(pyramid)):
            first, last = self.channel_ranges[level]
            fused.append(self.SIM[level](pyramid[level], tokens[:, first:last]))
        return fused

    def reset_parameters(self) -> None:
        """Draw random weights as published; see `TopFormer.reset_parameters`."""
        _initialise_convolutions(self)


class SegmentationHead(nn.Module):
    """Sum the three scales at 1/8 and classify each position."""

    def __init__(self, variant: Variant, *, num_classes: int) -> None:
        super().__init__()
        channels = variant.fused_channels
        self.conv_seg = nn.Conv2d(channels, num_classes, 1)
        self.linear_fuse = conv_bn(
            channels,
            channels,
            groups=channels if variant.depthwise_head else 1,
            conv_name="conv",
        )
        self.dropout = nn.Dropout2d(variant.head_dropout)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Maps [b, m, h/s, w/s] for s = 8, 16, 32 -> logits [b, classes, h/8, w/8]."""
        total = features[0]
        size = (total.shape[2], total.shape[3])
        for feature in features[1:]:
            total = total + _resize(feature, size)
        return self.conv_seg(self.dropout(functional.relu(self.linear_fuse(total))))


class TopFormer(nn.Module):
    """The segmentation network; returns raw logits at 1/8 of the input size."""

    task = "semantic-segmentation"
    # Detectors name theirs.
    detection_head = ""

    def __init__(self, variant: Variant, *, num_classes: int = 150) -> None:
        super().__init__()
        if num_classes < 1:
            raise UsageError(f"A model needs at least one class, not {num_classes}.")
        self.variant = variant
        self.num_classes = num_classes
        self.backbone = Backbone(variant)
        self.decode_head = SegmentationHead(variant, num_classes=num_classes)
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Normalised RGB [b, 3, h, w] -> logits [b, classes, ceil(h/8), ceil(w/8)].

        Raises `UsageError` when a side is below 64 pixels.
        """
        check_input_size(x)
        return self.decode_head(self.backbone(x))

    def logits_shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Shape of the logits of one picture of this size."""
        return 1, self.num_classes, -(-height // LOGIT_STRIDE), -(-width // LOGIT_STRIDE)

    def reset_parameters(self) -> None:
        """Draw random weights as published: He fan-out everywhere, N(0, 0.01) for the classifier.

        Every attention branch starts muted, its last BatchNorm at zero: the official constructor
        sets it so, and its initialisation skips the SyncBN layers it trains with. Without that, the
        unscaled products of queries and keys saturate the softmax, and a random network is chaotic:
        float32 then agrees with float64 to 40-70 dB only.

        Source: hustvl/TopFormer, Topformer.init_weights and mmseg's BaseDecodeHead. linear_fuse is
        initialised by mmcv with torch's fan-out, which does not divide by the groups.
        """
        self.backbone.reset_parameters()
        head = self.decode_head
        fuse_conv = head.linear_fuse.get_submodule("conv")
        assert isinstance(fuse_conv, nn.Conv2d)
        nn.init.kaiming_normal_(fuse_conv.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(head.conv_seg.weight, std=0.01)
        assert head.conv_seg.bias is not None
        nn.init.zeros_(head.conv_seg.bias)


def check_input_size(x: Tensor) -> None:
    """Raise `UsageError` for a picture [b, 3, h, w] of which no token would be left."""
    if min(x.shape[2], x.shape[3]) < MINIMUM_SIDE_PX:
        raise UsageError(
            f"A picture of {x.shape[2]}x{x.shape[3]} is too small for TopFormer.",
            why=f"Tokens are pooled to 1/64, so both sides need {MINIMUM_SIDE_PX} pixels.",
        )


class TopFormerClassifier(nn.Module):
    """The ImageNet classifier whose backbone initialises a segmentation model.

    Its tokens are pooled to 1/32, not 1/64, and nothing is injected. Module names follow the
    published classification checkpoints, which carry no `backbone.` prefix.
    """

    def __init__(self, variant: Variant, *, num_classes: int = 1000) -> None:
        super().__init__()
        self.variant = variant
        self.num_classes = num_classes
        self.tpm = TokenPyramid(variant)
        self.ppa = PyramidPooling(stride=1)
        self.trans = SemanticsExtractor(variant)
        self.head = nn.Sequential(
            OrderedDict(
                [
                    ("bn", nn.BatchNorm1d(variant.token_channels)),
                    ("l", nn.Linear(variant.token_channels, num_classes)),
                ]
            )
        )
        _initialise_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised RGB [b, 3, h, w] -> class logits [b, classes]."""
        tokens = self.trans(self.ppa(self.tpm(x)))
        return self.head(tokens.mean(dim=(2, 3)))


def _initialise_convolutions(module: nn.Module) -> None:
    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            fan_out = math.prod(child.kernel_size) * child.out_channels // child.groups
            nn.init.normal_(child.weight, std=math.sqrt(2.0 / fan_out))
            if child.bias is not None:
                nn.init.zeros_(child.bias)
        elif isinstance(child, Attention):
            last_norm = child.proj[1].get_submodule("bn")
            assert isinstance(last_norm, nn.BatchNorm2d)
            nn.init.zeros_(last_norm.weight)


def create_model(variant: str | Variant, num_classes: int = 150) -> TopFormer:
    """Create a randomly initialised TopFormer in training mode.

    `variant` is "tiny", "small", "base" or a `Variant` of your own. Seed torch to repeat the draw.
    """
    found = get_variant(variant) if isinstance(variant, str) else variant
    return TopFormer(found, num_classes=num_classes)
