"""Detectors that find something, though nobody trained their heads.

`python -m support.detectors FILE` writes one for the app's tests.
"""

import sys
from pathlib import Path

import torch
from torch import nn

from topformer.classes import numbered_classes
from topformer.detector import Detector, create_detector
from topformer.export.inputs import standard_inputs
from topformer.preprocess import input_info
from topformer.weights import load_weights, save_weights

# As the outputs of trained detectors vary: some logits of a hundred thousand are above -3 then.
LOGIT_DEVIATION, OFFSET_DEVIATION = 1.5, 0.2


def finding_detector(variant: str = "tiny", head: str = "lite", classes: int = 3) -> Detector:
    """Draw a detector, and let its outputs on the inputs of every proof vary as a trained one's do.

    Tiny's backbone is the bundled one: rounding strays far in a drawn one whose outputs are loud.
    """
    torch.manual_seed(0)
    network = create_detector(variant, classes, head=head).train()
    if variant == "tiny":
        network.backbone.load_state_dict(load_weights("tiny").model.backbone.state_dict())
    # Of a size at which the coarsest level has several places.
    inputs = standard_inputs(input_info(256, 256))
    pictures = torch.cat([torch.as_tensor(one.tensor) for one in inputs])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain mean of what is seen
    with torch.no_grad():
        network(pictures)
        network.eval()
        outputs = network(pictures)
        for part, own, deviation in zip(
            _last_convolutions(network),
            (outputs[:5], outputs[5:]),
            (LOGIT_DEVIATION, OFFSET_DEVIATION),
            strict=True,
        ):
            for number, last in enumerate(part):
                # A convolution that all levels share is scaled by the finest.
                last.weight *= deviation / own[number].std()
    return network


def _last_convolutions(network: Detector) -> tuple[list[nn.Conv2d], list[nn.Conv2d]]:
    head = network.head
    if network.detection_head == "lite":
        return [one.last for one in head.logits], [one.last for one in head.offsets]
    return [head.classification_head.cls_logits], [head.regression_head.bbox_reg]


def save_finding_detector(path: Path, **drawn: object) -> Path:
    """Write one as weights."""
    network = finding_detector(**drawn)
    save_weights(
        path,
        network,
        classes=numbered_classes(network.num_classes),
        name="drawn",
        licence="none",
        source="a test",
    )
    return path


if __name__ == "__main__":
    save_finding_detector(Path(sys.argv[1]))
