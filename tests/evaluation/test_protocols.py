import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.nn import functional
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from topformer.data import WholeImageScale
from topformer.errors import TopformerError
from topformer.evaluation import protocols
from topformer.evaluation.protocols import (
    fixed_protocol,
    network_segmenter,
    whole_protocol,
    whole_segmenter,
    whole_sizes,
)
from topformer.images import bundled_pictures
from topformer.model import create_model
from topformer.runtimes import open_model

ADE = WholeImageScale(long_px=2048, short_px=512, multiple_px=32)
CONTEXT = WholeImageScale(long_px=520, short_px=520)
CITYSCAPES = WholeImageScale(long_px=1024, short_px=512)


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        # 512 / 683 * 512 = 383.8, so 512 x 683 stays and 683 goes up to 704.
        ((512, 683), ADE, (512, 704)),
        # By 512 / 300 to 512 x 853.3, rounded to 853, up to 864.
        ((300, 500), ADE, (512, 864)),
        # By 512 / 1600 to 682.67 x 512: 683, up to 704.
        ((2134, 1600), ADE, (704, 512)),
        # The long side decides: by 2048 / 8000 to 256 x 2048, both multiples already.
        ((1000, 8000), ADE, (256, 2048)),
        # By 2048 / 8000 to 259.8 x 2048: 260, up to 288.
        ((1015, 8000), ADE, (288, 2048)),
        ((512, 512), ADE, (512, 512)),
        # By 520 / 500 to 390 x 520; nothing is rounded up.
        ((375, 500), CONTEXT, (390, 520)),
        ((500, 333), CONTEXT, (520, 346)),
        ((1024, 2048), CITYSCAPES, (512, 1024)),
        # By 520 / 5000 to 10.4 x 520: the network cannot take less than 64.
        ((100, 5000), CONTEXT, (64, 520)),
        ((1, 1), CONTEXT, (520, 520)),
    ],
)
def test_sizes_by_hand(size, scale, expected):
    assert whole_sizes(size, scale)[-1] == expected


def test_descriptions_tell_the_protocols_apart():
    descriptions = {
        whole_protocol(ADE): "whole: short side 512, long side at most 2048, "
        "both rounded up to multiples of 32",
        whole_protocol(CITYSCAPES): "whole: short side 512, long side at most 1024",
        whole_protocol(CONTEXT): "whole: long side 520",
        fixed_protocol((448, 448)): "fixed: 448x448, stretched",
        fixed_protocol((384, 576)): "fixed: 384x576, stretched",
    }
    for protocol, description in descriptions.items():
        assert protocol.description == description
        assert description.startswith(f"{protocol.name}: ")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create_model("tiny", 7).eval()


@pytest.fixture(scope="module")
def picture():
    return bundled_pictures()[0][1][:150, :203].copy()


def test_whole_is_the_published_chain(network, picture):
    """150x203 -> 128x173 -> 128x192 -> logits at 1/8 -> 128x192 -> 150x203."""
    scale = WholeImageScale(long_px=2048, short_px=128, multiple_px=32)
    tensor = torch.from_numpy(picture).permute(2, 0, 1)
    for size in ([128, 173], [128, 192]):
        tensor = resize(tensor, size, InterpolationMode.BILINEAR, antialias=False)
    mean = torch.tensor([123.675, 116.28, 103.53]).reshape(3, 1, 1)
    std = torch.tensor([58.395, 57.12, 57.375]).reshape(3, 1, 1)
    with torch.no_grad():
        logits = network(((tensor.float() - mean) / std)[None])
        assert logits.shape == (1, 7, 16, 24)
        for size in ((128, 192), (150, 203)):
            logits = functional.interpolate(logits, size, mode="bilinear", align_corners=False)
    expected = logits.softmax(1).argmax(1)[0].numpy()
    labels = whole_segmenter(network, scale)(picture)
    np.testing.assert_array_equal(labels, expected)
    assert len(np.unique(labels)) > 1


class Given(torch.nn.Module):
    """A network that says what it is told to."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(logits, requires_grad=False)

    def forward(self, _):
        return self.logits


@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(1, 24),
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    at_once=st.integers(1, 200_000),
    levels=st.sampled_from([2, 5, 0]),
)
@example(seed=0, classes=8, height=46, width=46, at_once=1, levels=2)
def test_a_few_classes_at_a_time_give_the_labels_of_all_at_once(
    seed, classes, height, width, at_once, levels
):
    """Also with many ties, where logits have few levels, and with a few that are NaN.

    torch may round the last bit otherwise for another number of channels, so where labels differ
    their classes must be level to it.
    """
    scale = WholeImageScale(long_px=96, short_px=64, multiple_px=32)
    rng = torch.Generator().manual_seed(seed)
    size = whole_sizes((height, width), scale)[-1]
    logits = torch.randn((1, classes, size[0] // 8, size[1] // 8), generator=rng)
    logits = (logits * levels).round() if levels else logits
    logits[torch.rand(logits.shape, generator=rng) < 0.002] = torch.nan
    logits[0, 0, 0, 0] = 0
    expected = logits
    for target in (size, (height, width)):
        expected = functional.interpolate(expected, target, mode="bilinear", align_corners=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(protocols, "VALUES_AT_ONCE", at_once)
        labels = whole_segmenter(Given(logits), scale)(np.zeros((height, width, 3), np.uint8))
    found, wanted = torch.as_tensor(labels).long(), expected.argmax(1)[0]
    off = found != wanted
    assert not off.any() or at_once < classes * max(size[0] * size[1], height * width)
    chosen, best = expected[0].gather(0, found[None])[0], expected[0].amax(0)
    torch.testing.assert_close(chosen[off], best[off], rtol=1e-6, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize(("picture_px", "shown_px"), [(1000, 64), (100, 1000)])
def test_logits_of_a_large_picture_are_never_all_at_its_size(monkeypatch, picture_px, shown_px):
    made, plain = [], functional.interpolate

    def interpolate(logits, *arguments, **options):
        made.append(plain(logits, *arguments, **options))
        return made[-1]

    monkeypatch.setattr(functional, "interpolate", interpolate)
    scale = WholeImageScale(long_px=shown_px, short_px=shown_px)
    labels = whole_segmenter(Given(torch.rand(1, 150, 8, 8)), scale)(
        np.zeros((picture_px, picture_px, 3), np.uint8)
    )
    assert labels.shape == (picture_px, picture_px)
    assert max(one.numel() for one in made) <= protocols.VALUES_AT_ONCE < 150 * 1000 * 1000


def test_whole_takes_the_smallest_and_the_narrowest(network):
    segment = whole_segmenter(network, WholeImageScale(long_px=64, short_px=64))
    for size in ((1, 1), (1, 300), (300, 2)):
        assert segment(np.zeros((*size, 3), np.uint8)).shape == size


def test_whole_leaves_the_picture_alone(network, picture):
    before = picture.copy()
    whole_segmenter(network, CONTEXT)(picture)
    np.testing.assert_array_equal(picture, before)


def test_fixed_is_what_predict_does(picture):
    opened = open_model("tiny", image_size=(64, 96))
    labels = network_segmenter(opened.network.model, fixed_protocol((64, 96)))(picture)
    assert labels.shape == picture.shape[:2]
    np.testing.assert_array_equal(labels, opened.predict(picture))


class Spoilt(torch.nn.Module):
    """A network whose logits are all NaN."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(float("nan")))

    def forward(self, tensor):
        return functional.avg_pool2d(tensor, 8) * self.scale


@pytest.mark.parametrize("protocol", [whole_protocol(CONTEXT), fixed_protocol((64, 64))])
def test_logits_that_are_no_numbers_are_no_labels(protocol):
    segment = network_segmenter(Spoilt().eval(), protocol)
    with pytest.raises(TopformerError, match="computes no numbers"):
        segment(np.zeros((48, 80, 3), np.uint8))
