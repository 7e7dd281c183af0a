"""RetinaNet's loss: focal on the classes of all anchors, L1 on the offsets of those with an object.

By torchvision's own functions, as its `RetinaNet.compute_loss` combines them (0.29,
`models/detection/retinanet.py`). Which anchor learns which object is decided by their overlap: from
0.5 on it is the object's, below 0.4 background, between them neither; and an object that no anchor
covers so well takes those that cover it best.
"""

# pyright: standard
# Not strict: torchvision ships no types.

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.ops import box_iou, sigmoid_focal_loss

from topformer.detection import ANCHORS_PER_PLACE, LEVEL_STRIDES, level_anchors
from topformer.training.recipe import Recipe

_MATCHER = Matcher(0.5, 0.4, allow_low_quality_matches=True)
_CODER = BoxCoder((1.0, 1.0, 1.0, 1.0))


def detection_loss(outputs: Sequence[Tensor], truth: Tensor, recipe: Recipe) -> Tensor:
    """Mean over the pictures of their losses: a detector's ten maps, boxes [b, n, 5] -> [].

    Rows of `truth` are left, top, right, bottom and class id; those of class -1 are no boxes.
    """
    levels = len(LEVEL_STRIDES)
    classes = outputs[0].shape[1] // ANCHORS_PER_PLACE
    logits = torch.cat([by_anchor(one, classes) for one in outputs[:levels]], 1).float()
    offsets = torch.cat([by_anchor(one, 4) for one in outputs[levels:]], 1).float()
    sizes = tuple((one.shape[2], one.shape[3]) for one in outputs[:levels])
    anchors = all_anchors(sizes).to(logits.device)
    losses = [
        _picture_loss(*own, anchors, recipe.offset_weight)
        for own in zip(logits, offsets, truth, strict=True)
    ]
    return torch.stack(losses).mean()


def _picture_loss(
    logits: Tensor, offsets: Tensor, truth: Tensor, anchors: Tensor, offset_weight: float
) -> Tensor:
    """Loss of one picture: [a, classes], [a, 4], [n, 5], [a, 4] -> []."""
    truth = truth[truth[:, 4] >= 0]
    matches = match(truth[:, :4], anchors)
    found = torch.where(matches >= 0)[0]
    own = truth[matches[found]]
    wanted = torch.zeros_like(logits)
    wanted[found, own[:, 4].long()] = 1.0
    counts = matches != Matcher.BETWEEN_THRESHOLDS
    focal = sigmoid_focal_loss(logits[counts], wanted[counts], reduction="sum")
    coded = _CODER.encode_single(own[:, :4], anchors[found])
    distance = (offsets[found] - coded).abs().sum()
    return (focal + offset_weight * distance) / max(1, len(found))


def match(corners: Tensor, anchors: Tensor) -> Tensor:
    """Which of n boxes each anchor learns: [n, 4], [a, 4] -> int64 [a].

    -1 stands for background, -2 for neither.
    """
    if not len(corners):
        return torch.full((len(anchors),), Matcher.BELOW_LOW_THRESHOLD, device=anchors.device)
    return _MATCHER(box_iou(corners, anchors))


def by_anchor(output: Tensor, numbers: int) -> Tensor:
    """Rearrange a map [b, anchors * numbers, h, w] to [b, h * w * anchors, numbers]."""
    batch, _, height, width = output.shape
    split = output.reshape(batch, ANCHORS_PER_PLACE, numbers, height, width)
    return split.permute(0, 3, 4, 1, 2).reshape(batch, -1, numbers)


@lru_cache(maxsize=16)
def all_anchors(sizes: tuple[tuple[int, int], ...]) -> Tensor:
    """Anchors of all places of levels of these (height, width), in pixels: [a, 4]."""
    found: list[Tensor] = []
    for stride, (height, width) in zip(LEVEL_STRIDES, sizes, strict=True):
        rows = torch.arange(height)[:, None].expand(height, width) * stride
        columns = torch.arange(width)[None].expand(height, width) * stride
        places = torch.stack([columns, rows, columns, rows], 2).reshape(-1, 1, 4)
        found.append((places + torch.tensor(level_anchors(stride))).reshape(-1, 4))
    return torch.cat(found)
