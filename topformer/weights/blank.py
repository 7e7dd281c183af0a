"""Networks without numbers: on torch's meta device, for their names, shapes and operation counts.

They take no memory however large a hostile file makes them, and give a loaded model its frame.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch.overrides import TorchFunctionMode

from topformer.model import TopFormer, TopFormerClassifier
from topformer.variants import Variant

if TYPE_CHECKING:
    from topformer.detector import Detector


class _SkipInitialisation(TorchFunctionMode):
    """Leave out random draws: there is nothing to fill.

    On the meta device torch's `normal_` would first import its compiler, which takes seconds.
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        named = kwargs or {}
        # Either `torch.nn.init.normal_(tensor)` or the tensor's own method.
        if getattr(func, "__name__", "") == "normal_":
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)


@contextmanager
def _blank() -> Generator[None]:
    with torch.device("meta"), _SkipInitialisation():
        yield


def blank_segmenter(variant: Variant, *, num_classes: int = 150) -> TopFormer:
    """Create a segmentation network without storage."""
    with _blank():
        return TopFormer(variant, num_classes=num_classes)


def blank_detector(variant: Variant, *, num_classes: int, head: str) -> "Detector":
    """Create a detector without storage."""
    # It takes torchvision, which is slow to load.
    from topformer.detector import Detector  # noqa: PLC0415

    with _blank():
        return Detector(variant, num_classes=num_classes, head=head)


def blank_classifier(variant: Variant, *, num_classes: int = 1000) -> TopFormerClassifier:
    """Create an ImageNet classifier without storage."""
    with _blank():
        return TopFormerClassifier(variant, num_classes=num_classes)
