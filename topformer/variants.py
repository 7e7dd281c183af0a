"""The TopFormer variants of the paper, as numbers only (no torch needed to read them)."""

from dataclasses import dataclass, replace

from topformer.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Bottleneck:
    """One MobileNetV2 inverted residual of the token pyramid."""

    kernel_size: int
    expansion: int
    channels: int
    stride: int


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Everything that distinguishes one TopFormer from another.

    Source: hustvl/TopFormer at cc0f436, local_configs and mmseg/models/backbones/topformer.py.
    """

    name: str
    bottlenecks: tuple[Bottleneck, ...]
    # Positions in `bottlenecks` whose outputs form the pyramid, at strides 4, 8, 16, 32.
    pyramid_taps: tuple[int, int, int, int]
    heads: int
    # Channels after the semantics injection, and inside the head.
    fused_channels: int
    # Tiny's head mixes no channels in its 1x1 convolution, which saves a tenth of its work.
    depthwise_head: bool
    key_channels: int = 16
    value_channels: int = 32
    mlp_ratio: int = 2
    blocks: int = 4
    drop_path: float = 0.1
    head_dropout: float = 0.1

    @property
    def pyramid_channels(self) -> tuple[int, ...]:
        """Channels of the four pyramid levels, finest first."""
        return tuple(self.bottlenecks[tap].channels for tap in self.pyramid_taps)

    @property
    def token_channels(self) -> int:
        """Channels of the pooled tokens: all levels side by side."""
        return sum(self.pyramid_channels)

    def for_cityscapes(self) -> "Variant":
        """Return the published Cityscapes form: 128 fused channels, a dense head in all sizes."""
        return replace(self, fused_channels=128, depthwise_head=False)


def _bottlenecks(*rows: tuple[int, int, int, int]) -> tuple[Bottleneck, ...]:
    return tuple(
        Bottleneck(kernel_size=kernel, expansion=expansion, channels=channels, stride=stride)
        for kernel, expansion, channels, stride in rows
    )


# fmt: off
_TINY_BOTTLENECKS = _bottlenecks(
    # kernel, expansion, channels, stride
    (3, 1, 16, 1),
    (3, 4, 16, 2), (3, 3, 16, 1),
    (5, 3, 32, 2), (5, 3, 32, 1),
    (3, 3, 64, 2), (3, 3, 64, 1),
    (5, 6, 96, 2), (5, 6, 96, 1),
)
_SMALL_BOTTLENECKS = _bottlenecks(
    (3, 1, 16, 1),
    (3, 4, 24, 2), (3, 3, 24, 1),
    (5, 3, 48, 2), (5, 3, 48, 1),
    (3, 3, 96, 2), (3, 3, 96, 1),
    (5, 6, 128, 2), (5, 6, 128, 1), (3, 6, 128, 1),
)
_BASE_BOTTLENECKS = _bottlenecks(
    (3, 1, 16, 1),
    (3, 4, 32, 2), (3, 3, 32, 1),
    (5, 3, 64, 2), (5, 3, 64, 1),
    (3, 3, 128, 2), (3, 3, 128, 1),
    (5, 6, 160, 2), (5, 6, 160, 1), (3, 6, 160, 1),
)
# fmt: on

TINY = Variant(
    name="tiny",
    bottlenecks=_TINY_BOTTLENECKS,
    pyramid_taps=(2, 4, 6, 8),
    heads=4,
    fused_channels=128,
    depthwise_head=True,
)
SMALL = Variant(
    name="small",
    bottlenecks=_SMALL_BOTTLENECKS,
    pyramid_taps=(2, 4, 6, 9),
    heads=6,
    fused_channels=192,
    depthwise_head=False,
)
BASE = Variant(
    name="base",
    bottlenecks=_BASE_BOTTLENECKS,
    pyramid_taps=(2, 4, 6, 9),
    heads=8,
    fused_channels=256,
    depthwise_head=False,
)

VARIANTS: dict[str, Variant] = {variant.name: variant for variant in (TINY, SMALL, BASE)}

# What is meant where a person names no size of network, or of picture (height, width).
DEFAULT_VARIANT = "tiny"
DEFAULT_IMAGE_SIZE = (448, 448)

# The smallest side that leaves at least one token and one pixel at every stride.
MINIMUM_SIDE_PX = 64
MAXIMUM_SIDE_PX = 4096
LOGIT_STRIDE = 8


def get_variant(name: str) -> Variant:
    """Look a variant up by name; raises `UsageError` for an unknown one."""
    try:
        return VARIANTS[name]
    except KeyError:
        raise UsageError(
            f"There is no TopFormer called {name!r}.",
            next_step=f"Choose one of {', '.join(VARIANTS)}.",
        ) from None
