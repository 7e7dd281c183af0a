"""The networks that are trained and exported here, whatever they are for."""

from typing import TYPE_CHECKING, TypeAlias, Union

from topformer.model import TopFormer, create_model
from topformer.variants import Variant

if TYPE_CHECKING:
    from topformer.detector import Detector

# Not a string: `AnyNetwork | None` is computed where it stands.
AnyNetwork: TypeAlias = Union[TopFormer, "Detector"]


def create_network(
    variant: str | Variant, num_classes: int, *, detection_head: str = ""
) -> AnyNetwork:
    """Create a randomly initialised network: a detector where a head for one is named."""
    if not detection_head:
        return create_model(variant, num_classes)
    # It takes torchvision, which is slow to load.
    from topformer.detector import create_detector  # noqa: PLC0415

    return create_detector(variant, num_classes, head=detection_head)
