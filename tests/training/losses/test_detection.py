"""The loss of boxes against torchvision's own RetinaNet's, on random boxes and random outputs."""

import pytest
import torch
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.image_list import ImageList

from support.training_fakes import small_recipe
from topformer.detection import ANCHORS_PER_PLACE, LEVEL_STRIDES
from topformer.detector import create_detector
from topformer.training.losses.detection import by_anchor, detection_loss

# Multiples of all strides: torchvision's are the input's size over the map's.
HEIGHT, WIDTH, CLASSES = 128, 256, 5
SIZES = tuple((HEIGHT // stride, WIDTH // stride) for stride in LEVEL_STRIDES)


def random_outputs(generator, pictures=3):
    """Ten maps, as a detector gives them."""
    return [
        torch.randn(pictures, ANCHORS_PER_PLACE * numbers, *size, generator=generator)
        for numbers in (CLASSES, 4)
        for size in SIZES
    ]


def random_truth(generator, counts):
    """Boxes of all classes and sizes, some outside every anchor's reach; rows of -1 fill up."""
    truth = torch.full((len(counts), max(1, *counts), 5), -1.0)
    for own, count in zip(truth, counts, strict=True):
        ends = torch.rand(count, 2, 2, generator=generator) * torch.tensor([WIDTH, HEIGHT])
        own[:count, :2] = ends.amin(1)
        own[:count, 2:4] = ends.amax(1) + 1.0
        own[:count, 4] = torch.arange(count) % CLASSES
    return truth


class Network(torch.nn.Module):
    """Stands for a backbone: only `RetinaNet.compute_loss` is wanted of the whole."""

    out_channels = 256


def torchvision_loss(outputs, truth) -> dict[str, torch.Tensor]:
    network = RetinaNet(Network(), CLASSES)
    images = ImageList(torch.zeros(len(truth), 3, HEIGHT, WIDTH), [(HEIGHT, WIDTH)] * len(truth))
    anchors = network.anchor_generator(images, outputs[:5])
    targets = [
        {"boxes": own[own[:, 4] >= 0, :4], "labels": own[own[:, 4] >= 0, 4].long()} for own in truth
    ]
    head = {
        "cls_logits": torch.cat([by_anchor(one, CLASSES) for one in outputs[:5]], 1),
        "bbox_regression": torch.cat([by_anchor(one, 4) for one in outputs[5:]], 1),
    }
    return network.compute_loss(targets, head, anchors)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("counts", [(7, 3, 12), (4, 0, 1), (0, 0, 0)])
def test_it_is_torchvisions(seed, counts):
    generator = torch.Generator().manual_seed(seed)
    outputs, truth = random_outputs(generator), random_truth(generator, counts)
    expected = torchvision_loss(outputs, truth)
    found = detection_loss(outputs, truth, small_recipe())
    total = expected["classification"] + expected["bbox_regression"]
    torch.testing.assert_close(found, total)
    doubled = detection_loss(outputs, truth, small_recipe(offset_weight=2.0))
    torch.testing.assert_close(doubled, total + expected["bbox_regression"])


def test_rows_are_torchvisions_heads():
    """The ten maps, rearranged, are what the published head gives in their place."""
    from torchvision.models.detection.retinanet import RetinaNetHead

    detector = create_detector("tiny", 4).eval()
    levels = [torch.randn(2, 256, *size) for size in ((8, 8), (4, 4), (2, 2), (1, 1), (1, 1))]
    with torch.no_grad():
        outputs = detector.head(levels)
        expected = RetinaNetHead.forward(detector.head, levels)
    logits = torch.cat([by_anchor(one, 4) for one in outputs[:5]], 1)
    offsets = torch.cat([by_anchor(one, 4) for one in outputs[5:]], 1)
    torch.testing.assert_close(logits, expected["cls_logits"])
    torch.testing.assert_close(offsets, expected["bbox_regression"])


def test_padding_rows_count_for_nothing():
    generator = torch.Generator().manual_seed(5)
    outputs, truth = random_outputs(generator, 1), random_truth(generator, (4,))
    more = torch.cat([truth, torch.full((1, 6, 5), -1.0)], 1)
    recipe = small_recipe()
    assert torch.equal(
        detection_loss(outputs, more, recipe), detection_loss(outputs, truth, recipe)
    )


def test_every_parameter_has_a_gradient_also_without_boxes():
    detector = create_detector("tiny", 3, head="lite")
    outputs = detector(torch.randn(2, 3, 128, 128))
    detection_loss(outputs, torch.full((2, 1, 5), -1.0), small_recipe()).backward()
    assert all(parameter.grad is not None for parameter in detector.parameters())
