"""Which TopFormer a checkpoint holds, and, where it holds none, what it probably is instead."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from torch import Size, nn

from topformer.detection import ANCHORS_PER_PLACE, LITE, RETINANET
from topformer.errors import TopformerError
from topformer.manifest import CLASS_LIMIT
from topformer.text import brief
from topformer.variants import VARIANTS, Variant, get_variant
from topformer.weights.blank import blank_classifier, blank_detector, blank_segmenter
from topformer.weights.checkpoints import COUNTER, Checkpoint

# Names that occur in fudan-zvg/SeaFormer's checkpoints and in no TopFormer: its stages.
_SEAFORMER_PREFIXES = ("backbone.smb", "smb", "backbone.trans1.", "trans1.")
_PRETRAINED_PREFIXES = ("tpm.", "trans.")
_CLASSIFIER_WEIGHT = "head.l.weight"
_SEGMENTATION_WEIGHT = "decode_head.conv_seg.weight"
_FUSED_WEIGHT = "backbone.SIM.1.local_embedding.conv.weight"
_FUSE_WEIGHT = "decode_head.linear_fuse.conv.weight"
_DETECTION_WEIGHTS = {
    RETINANET: "head.classification_head.cls_logits.weight",
    LITE: "head.logits.0.last.weight",
}
_SHOWN_KEYS = 3


@dataclass(frozen=True, kw_only=True)
class NetworkLayout:
    """The network a checkpoint's tensors belong to."""

    variant: Variant
    num_classes: int
    # Of a detector, else empty.
    detection_head: str = ""


def segmentation_layout(
    checkpoint: Checkpoint, *, variant: str | None = None, num_classes: int | None = None
) -> NetworkLayout:
    """Tell variant and class count of a segmentation model from its tensors' names and shapes.

    `variant` and `num_classes`, where given, must be what is found. Raises `TopformerError` naming
    the first keys that do not fit and the likely cause.
    """
    _refuse_seaformer(checkpoint)
    if _CLASSIFIER_WEIGHT in checkpoint.tensors:
        raise _misfit(
            checkpoint,
            [_CLASSIFIER_WEIGHT],
            why="This is an ImageNet classification checkpoint: it has no decode_head.",
            next_step="Use a segmentation checkpoint; `topformer models` lists the published ones. "
            "To train one from this: `topformer train --init FILE`.",
        )
    if any(name.startswith(_PRETRAINED_PREFIXES) for name in checkpoint.tensors):
        raise _misfit(
            checkpoint,
            [_SEGMENTATION_WEIGHT],
            why="This is a bare backbone: it has no decode_head, which tells the classes apart.",
            next_step="Give the whole checkpoint, or train a head on it: "
            "`topformer train --init FILE`.",
        )
    found = _checked_variant(checkpoint, variant, prefix="backbone.")
    found_classes = _first_axis(checkpoint, _SEGMENTATION_WEIGHT)
    if num_classes is not None and found_classes != num_classes:
        raise _misfit(
            checkpoint,
            [_SEGMENTATION_WEIGHT, "decode_head.conv_seg.bias"],
            why=f"It was trained for {found_classes} classes, and {num_classes} are asked for.",
            next_step=f"Ask for {found_classes} classes, or none, or use other weights.",
        )
    # The Cityscapes models differ from the others in these two numbers, so they are read here.
    found = replace(
        found,
        fused_channels=_first_axis(checkpoint, _FUSED_WEIGHT),
        depthwise_head=checkpoint.shapes.get(_FUSE_WEIGHT, Size())[1:2] == (1,),
    )
    _check_shapes(checkpoint, segmentation_shapes(found, found_classes))
    return NetworkLayout(variant=found, num_classes=found_classes)


def detection_layout(
    checkpoint: Checkpoint,
    head: str,
    *,
    variant: str | None = None,
    num_classes: int | None = None,
) -> NetworkLayout:
    """Tell variant and class count of a detector with a head; as `segmentation_layout`."""
    found = _checked_variant(checkpoint, variant, prefix="backbone.")
    weight = _DETECTION_WEIGHTS[head]
    outputs = _first_axis(checkpoint, weight, most=CLASS_LIMIT * ANCHORS_PER_PLACE)
    found_classes, rest = divmod(outputs, ANCHORS_PER_PLACE)
    if rest or not found_classes:
        raise _misfit(
            checkpoint,
            [weight],
            why=f"Its {checkpoint.shapes[weight][0]} outputs are not those of {ANCHORS_PER_PLACE} "
            "anchors.",
        )
    if num_classes not in {None, found_classes}:
        raise _misfit(
            checkpoint,
            [weight],
            why=f"It was trained for {found_classes} classes, and {num_classes} are asked for.",
            next_step=f"Ask for {found_classes} classes, or none, or use other weights.",
        )
    _check_shapes(checkpoint, detection_shapes(found, found_classes, head))
    return NetworkLayout(variant=found, num_classes=found_classes, detection_head=head)


def classifier_layout(checkpoint: Checkpoint, *, variant: str | None = None) -> NetworkLayout:
    """Tell variant and class count of an ImageNet classifier; as `segmentation_layout`."""
    _refuse_seaformer(checkpoint)
    if _SEGMENTATION_WEIGHT in checkpoint.tensors:
        raise _misfit(
            checkpoint,
            [_SEGMENTATION_WEIGHT],
            why="This is a segmentation checkpoint, and a classification one is wanted.",
            next_step="Load it with `topformer.load_model`.",
        )
    found = _checked_variant(checkpoint, variant, prefix="")
    num_classes = _first_axis(checkpoint, _CLASSIFIER_WEIGHT)
    _check_shapes(checkpoint, classifier_shapes(found, num_classes))
    return NetworkLayout(variant=found, num_classes=num_classes)


@lru_cache(maxsize=16)
def segmentation_shapes(variant: Variant, num_classes: int) -> dict[str, Size]:
    """Official names and shapes of a segmentation model, in their official order."""
    return _shapes(blank_segmenter(variant, num_classes=num_classes))


@lru_cache(maxsize=16)
def detection_shapes(variant: Variant, num_classes: int, head: str) -> dict[str, Size]:
    """Names and shapes of a detector's tensors."""
    return _shapes(blank_detector(variant, num_classes=num_classes, head=head))


@lru_cache(maxsize=16)
def classifier_shapes(variant: Variant, num_classes: int) -> dict[str, Size]:
    """Official names and shapes of an ImageNet classifier, in their official order."""
    return _shapes(blank_classifier(variant, num_classes=num_classes))


def pretrained_shapes(variant: Variant) -> dict[str, Size]:
    """Names and shapes of what classifiers and segmentation backbones share: tpm and trans."""
    return {
        name: shape
        for name, shape in classifier_shapes(variant, 1000).items()
        if name.startswith(_PRETRAINED_PREFIXES)
    }


def _shapes(model: nn.Module) -> dict[str, Size]:
    return {name: tensor.shape for name, tensor in model.state_dict().items()}


def _checked_variant(checkpoint: Checkpoint, variant: str | None, *, prefix: str) -> Variant:
    """Find the variant most of whose pyramid and transformer is there; it must be this one."""
    found = checkpoint.shapes
    wanted = {
        one.name: {prefix + name: shape for name, shape in pretrained_shapes(one).items()}
        for one in VARIANTS.values()
    }
    agreeing = {
        name: sum(found.get(key) == shape for key, shape in shapes.items())
        for name, shapes in wanted.items()
    }
    best = max(agreeing, key=lambda name: agreeing[name])
    if not agreeing[best]:
        raise _misfit(
            checkpoint,
            sorted(found),
            why=f"It has none of the {prefix}tpm. and {prefix}trans. tensors of a TopFormer: these "
            "are the weights of another network.",
            next_step="`topformer models` lists the published checkpoints.",
        )
    if variant is not None and get_variant(variant).name != best:
        raise _misfit(
            checkpoint,
            [key for key, shape in wanted[variant].items() if found.get(key) != shape],
            why=f"These are weights of size {best}, not {variant}.",
            next_step=f"Ask for size {best}, or use other weights.",
        )
    return get_variant(best)


def _check_shapes(checkpoint: Checkpoint, expected: Mapping[str, Size]) -> None:
    """Compare names and shapes; BatchNorm's counters may be missing, as in very old files."""
    found = checkpoint.shapes
    misshapen = [name for name in expected if name in found and found[name] != expected[name]]
    if misshapen:
        name = misshapen[0]
        raise _misfit(
            checkpoint,
            misshapen,
            why=f"{name} has shape {list(found[name])}, and only {list(expected[name])} fits the "
            "other tensors: the network was changed, or the file mixes two sizes.",
        )
    missing = [name for name in expected if name not in found and not name.endswith(COUNTER)]
    if missing:
        raise _misfit(checkpoint, missing, why="It lacks them: it holds only a part of the model.")
    unexpected = [name for name in found if name not in expected]
    if unexpected:
        raise _misfit(
            checkpoint,
            unexpected,
            why="TopFormer has no such tensors: the model was extended, or is another network.",
        )


def _refuse_seaformer(checkpoint: Checkpoint) -> None:
    telling = [name for name in checkpoint.tensors if name.startswith(_SEAFORMER_PREFIXES)]
    if telling:
        raise _misfit(
            checkpoint,
            telling,
            why="This is a SeaFormer checkpoint: a later network that shares authors and names.",
            next_step="`topformer models` lists the published TopFormer checkpoints.",
        )


def _first_axis(checkpoint: Checkpoint, name: str, *, most: int = CLASS_LIMIT) -> int:
    """Length of the first axis of a weight, which is its number of outputs."""
    shape = checkpoint.shapes.get(name)
    if shape is None:
        raise _misfit(checkpoint, [name], why="It lacks this: it holds only a part of the model.")
    if not shape or not 1 <= shape[0] <= most:
        raise _misfit(checkpoint, [name], why=f"Its shape is {list(shape)}.")
    return shape[0]


def _misfit(
    checkpoint: Checkpoint, names: list[str], *, why: str, next_step: str = ""
) -> TopformerError:
    shown = ", ".join(brief(name, 100) for name in names[:_SHOWN_KEYS])
    more = f" and {len(names) - _SHOWN_KEYS:,} more" if len(names) > _SHOWN_KEYS else ""
    return TopformerError(
        f"{checkpoint.path} does not fit the network: {shown}{more}.", why=why, next_step=next_step
    )
