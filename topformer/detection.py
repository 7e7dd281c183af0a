"""What detectors have in common, as numbers only: heads, levels and anchors."""

from topformer.errors import UsageError

RETINANET, LITE = "retinanet", "lite"
HEADS = (RETINANET, LITE)

# Pixels from one place of a level to the next.
LEVEL_STRIDES = (8, 16, 32, 64, 128)
# The smallest anchor, in strides; there are two more sizes up to that of the next level.
_ANCHOR_STRIDES = 4
_OCTAVE_STEPS = 3
# Height over width.
_ASPECT_RATIOS = (0.5, 1.0, 2.0)
ANCHORS_PER_PLACE = _OCTAVE_STEPS * len(_ASPECT_RATIOS)

# A class this unlikely, with a score of 0.0003, is never a box: logits say nothing below it.
LEAST_LOGIT = -8.0
# A class this likely, with a score of 0.98, is a box: how much likelier it is matters little.
SURE_LOGIT = 4.0

# Boxes that score more than this are shown. AP counts far less likely ones too.
SHOWN_SCORE = 0.3

# (left, top, right, bottom) in pixels.
Corners = tuple[float, float, float, float]


def check_head(head: str) -> None:
    """Raise `UsageError` for a head that no detector has."""
    if head not in HEADS:
        raise UsageError(
            f"There is no detection head called {head!r}.",
            next_step=f"Choose one of {', '.join(HEADS)}.",
        )


def level_anchors(stride: int) -> tuple[Corners, ...]:
    """The published anchors of a level, around its upper left place.

    Source: torchvision 0.29, `models/detection/retinanet.py`, `_default_anchorgen`, which cuts
    sizes to whole pixels, and `anchor_utils.py`, `generate_anchors`, which rounds corners.
    """
    smallest = _ANCHOR_STRIDES * stride
    sizes = [int(smallest * 2 ** (step / _OCTAVE_STEPS)) for step in range(_OCTAVE_STEPS)]
    anchors: list[Corners] = []
    for ratio in _ASPECT_RATIOS:
        for size in sizes:
            right = float(round(size / ratio**0.5 / 2))
            bottom = float(round(size * ratio**0.5 / 2))
            anchors.append((-right, -bottom, right, bottom))
    return tuple(anchors)
