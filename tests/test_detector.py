"""The detection network: its published size, its levels, and how maps are enlarged."""

import pytest
import torch
from torch.nn import functional

from topformer.complexity import count_macs
from topformer.detection import HEADS, LEVEL_STRIDES
from topformer.detector import _add_enlarged, create_detector
from topformer.errors import UsageError
from topformer.fusion import fuse
from topformer.variants import VARIANTS
from topformer.weights.blank import blank_detector

# Millions of parameters, and thousand millions of multiply-adds at 800x1344.
PUBLISHED = {"tiny": (10.59, 160.5), "small": (12.38, 162.5), "base": (14.57, 164.9)}


def millions(network):
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


def settled(variant="tiny", head="lite", classes=3):
    """Draw a detector whose BatchNorm has seen something, so that all of it has an effect."""
    torch.manual_seed(0)
    made = create_detector(variant, classes, head=head).train()
    with torch.no_grad():
        made(torch.randn(4, 3, 128, 128))
    return made.eval()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_published_detector_has_its_published_size(variant):
    network = blank_detector(VARIANTS[variant], num_classes=80, head="retinanet")
    parameters, gmacs = PUBLISHED[variant]
    assert millions(network) == pytest.approx(parameters, abs=0.005)
    assert count_macs(network, 800, 1344).total / 1e9 == pytest.approx(gmacs, abs=0.05)


def test_the_lite_detector_is_for_phones():
    network = blank_detector(VARIANTS["tiny"], num_classes=80, head="lite")
    assert millions(network) <= 2.0
    assert count_macs(network, 448, 448).total <= 1.2e9


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("size", [(64, 64), (100, 72), (65, 127)])
def test_outputs_have_the_shapes_that_are_promised(head, size):
    network = settled(head=head)
    with torch.inference_mode():
        outputs = network(torch.randn(1, 3, *size))
    shapes = network.output_shapes(*size)
    assert [tuple(output.shape) for output in outputs] == shapes
    assert shapes[0] == (1, 9 * 3, -(-size[0] // 8), -(-size[1] // 8))
    assert [shape[1] for shape in shapes] == [27] * len(LEVEL_STRIDES) + [36] * len(LEVEL_STRIDES)


@pytest.mark.parametrize("head", HEADS)
def test_pictures_of_a_batch_do_not_mix(head):
    network = settled(head=head).double()
    pictures = torch.randn(3, 3, 64, 96, dtype=torch.float64)
    with torch.inference_mode():
        together, alone = network(pictures), network(pictures[1:2])
    for first, second in zip(together, alone, strict=True):
        torch.testing.assert_close(first[1:2], second)


@pytest.mark.parametrize("head", HEADS)
def test_a_fused_detector_computes_the_same(head):
    network = settled(head=head).double()
    picture = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    with torch.inference_mode():
        for expected, found in zip(network(picture), fuse(network)(picture), strict=True):
            torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("coarse", "fine"), [((4, 6), (8, 12)), ((2, 2), (3, 3)), ((2, 3), (4, 5)), ((1, 1), (2, 2))]
)
def test_enlarging_is_nearest_interpolation(coarse, fine):
    coarse, fine = torch.randn(2, 5, *coarse), torch.randn(2, 5, *fine)
    expected = fine + functional.interpolate(coarse, size=fine.shape[2:], mode="nearest")
    assert torch.equal(_add_enlarged(fine, coarse), expected)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("head", HEADS)
def test_the_sixth_level_is_made_of_the_backbones_map(variant, head):
    """In Base too, whose maps have as many channels as the pyramid."""
    network = create_detector(variant, 2, head=head).eval()
    maps = [torch.randn(1, VARIANTS[variant].fused_channels, side, side) for side in (8, 4, 2)]
    sixth = network.fpn.p6 if head == "lite" else network.fpn.coarse.p6
    with torch.inference_mode():
        assert torch.equal(network.fpn(maps)[3], sixth(maps[-1]))


@pytest.mark.parametrize("head", HEADS)
def test_no_object_is_likely_at_first(head):
    torch.manual_seed(0)
    network = create_detector("tiny", 4, head=head).eval()
    with torch.inference_mode():
        logits = network(torch.randn(1, 3, 64, 64))[:5]
    assert all(float(one.sigmoid().max()) < 0.05 for one in logits)


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="no detection head called 'ssd'"):
        create_detector("tiny", head="ssd")
    with pytest.raises(UsageError, match="at least one class"):
        create_detector("tiny", 0)
    with pytest.raises(UsageError, match="too small"):
        create_detector("tiny", 2, head="lite").eval()(torch.zeros(1, 3, 63, 64))
