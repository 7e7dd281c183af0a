"""Training samples: the published steps, each held to a plain computation of the same thing."""

import colorsys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from topformer.data.label_files import IGNORED
from topformer.data.transforms import (
    BLUR_SIGMA_PX,
    CROP_ATTEMPTS,
    NOISE_DEVIATION,
    Augmentation,
    adjust_gamma,
    augment,
    blur,
    degrade,
    fitted_size,
    normalise,
    pad,
    paste_classes,
    photometric_distortion,
    random_crop,
    random_scale,
    scale_saturation,
    shift_hue,
    through_jpeg,
)
from topformer.images import bundled_pictures
from topformer.preprocess import input_info, to_tensor

SIDES = st.integers(1, 70)
SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=60, deadline=None)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(height: int, width: int, seed: int = 0, *, top: int = 256) -> tuple[Tensor, Tensor]:
    """A picture and labels of some classes, 255 among them."""
    rng = generator(seed)
    picture = rng.integers(0, top, (3, height, width)).astype(np.uint8)
    labels = rng.choice(np.array([0, 3, 7, 200, IGNORED], np.uint8), (height, width))
    return torch.from_numpy(picture), torch.from_numpy(labels)


def marked(height: int, width: int) -> tuple[Tensor, Tensor]:
    """A picture whose every channel is the labels, so that one tells where the other went."""
    labels = torch.arange(height * width, dtype=torch.int32).remainder(250).to(torch.uint8)
    labels = labels.reshape(height, width)
    return labels.expand(3, height, width).clone(), labels


def plain(**changes) -> Augmentation:
    """Leaves a picture as it is, but for size."""
    fields = {
        "scale": (60, 40),
        "ratio_range": (1.0, 1.0),
        "crop": (32, 48),
        "cat_max_ratio": 1.0,
        "flip_probability": 0.0,
        "photometric": False,
    }
    return Augmentation(**(fields | changes))


# mmcv's rule, written as mmcv.image.rescale_size has it, in its (width, height).
def mmcv_size(width: int, height: int, scale: tuple[int, int]) -> tuple[int, int]:
    factor = min(max(scale) / max(height, width), min(scale) / min(height, width))
    return int(width * float(factor) + 0.5), int(height * float(factor) + 0.5)


@settings(max_examples=500)
@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 4096), st.integers(1, 4096))
def test_sizes_are_those_of_mmcv(height, width, one, other):
    long_px, short_px = max(one, other), min(one, other)
    expected = mmcv_size(width, height, (long_px, short_px))[::-1]
    assert fitted_size((height, width), long_px, short_px) == tuple(
        max(1, side) for side in expected
    )


@few
@given(SIDES, SIDES, SEEDS, st.booleans(), st.sampled_from([1.0, 1.5]))
def test_samples_have_crop_size_and_no_id_that_was_not_there(height, width, seed, flip, jitter):
    picture, labels = noise(height, width, seed)
    published = plain(
        ratio_range=(0.5, 2.0),
        cat_max_ratio=0.75,
        flip_probability=float(flip),
        photometric=True,
        aspect_jitter=jitter,
    )
    made, ids = augment(picture, labels, published, generator(seed))
    assert made.shape == (3, 32, 48)
    assert made.dtype == torch.float32
    assert ids.shape == (32, 48)
    assert ids.dtype == torch.int64
    assert set(ids.unique().tolist()) <= {*labels.unique().tolist(), IGNORED}


@few
@given(SEEDS)
def test_a_sample_depends_on_its_generator_alone(seed):
    picture, labels = noise(50, 70, 1)
    before = picture.clone(), labels.clone()
    published = plain(ratio_range=(0.5, 2.0), flip_probability=0.5, photometric=True)
    torch.manual_seed(seed)
    first = augment(picture, labels, published, generator(seed))
    torch.rand(3)
    second = augment(picture, labels, published, generator(seed))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    # What was passed in is left alone: a file may be read once and used twice.
    assert torch.equal(picture, before[0])
    assert torch.equal(labels, before[1])


def test_nothing_drawn_is_the_picture_itself_normalised_as_when_deployed():
    picture, labels = noise(32, 48)
    made, ids = augment(picture, labels, plain(scale=(48, 32)), generator())
    deployed = to_tensor(picture.permute(1, 2, 0).numpy(), input_info(32, 48))[0]
    assert torch.equal(made, torch.from_numpy(deployed))
    assert torch.equal(ids, labels.long())


@few
@given(st.integers(1, 40), st.integers(1, 60))
def test_padding_is_the_mean_colour_and_ignored_on_the_right_and_below(height, width):
    picture, labels = noise(height, width)
    small, ids = normalise(picture), labels.long()
    made, padded = pad(small, ids, (32, 48))
    bottom, right = max(height, 32), max(width, 48)
    assert made.shape == (3, bottom, right)
    assert torch.equal(made[:, :height, :width], small)
    assert torch.equal(padded[:height, :width], ids)
    assert not made[:, height:].any()
    assert not made[:, :, width:].any()
    assert bool((padded[height:] == IGNORED).all())
    assert bool((padded[:, width:] == IGNORED).all())


@few
@given(SIDES, SIDES, SEEDS)
def test_a_crop_takes_one_window_of_both(height, width, seed):
    picture, labels = marked(height, width)
    made, ids = random_crop(picture, labels, (20, 30), 1.0, generator(seed))
    assert ids.shape == (min(20, height), min(30, width))
    assert torch.equal(made[0], ids)
    found = labels.unfold(0, ids.shape[0], 1).unfold(1, ids.shape[1], 1)
    assert bool((found == ids).all(-1).all(-1).any())


def test_every_window_is_drawn_and_none_beyond_the_border():
    # 3 rows and 2 columns of windows, told apart by their first label.
    picture, labels = marked(6, 5)
    seen = {
        int(random_crop(picture, labels, (4, 4), 1.0, generator(seed))[1][0, 0])
        for seed in range(200)
    }
    assert seen == {0, 1, 5, 6, 10, 11}


@few
@given(SEEDS)
def test_a_flip_turns_both(seed):
    picture, labels = marked(32, 48)
    fixed = plain(scale=(48, 32), flip_probability=1.0)
    made, ids = augment(picture, labels, fixed, generator(seed))
    assert torch.equal(ids, labels.flip(1).long())
    assert torch.equal(made, normalise(picture.flip(2)))


def test_flips_come_as_often_as_asked_for():
    picture, labels = marked(8, 8)
    half = plain(scale=(8, 8), crop=(8, 8), flip_probability=0.5)
    flipped = [
        int(augment(picture, labels, half, generator(seed))[1][0, 0]) == 7 for seed in range(400)
    ]
    assert 160 < sum(flipped) < 240


def halves(height: int, width: int, left: int, right: int, at: int) -> Tensor:
    labels = torch.full((height, width), right, dtype=torch.uint8)
    labels[:, :at] = left
    return labels


class CountingGenerator:
    """Counts the windows drawn; each takes two whole numbers."""

    def __init__(self, seed: int) -> None:
        self.generator, self.numbers = generator(seed), 0

    def integers(self, *bounds):
        self.numbers += 1
        return self.generator.integers(*bounds)

    @property
    def windows(self) -> int:
        assert self.numbers % 2 == 0
        return self.numbers // 2


def windows_drawn(labels: Tensor, ratio: float, seed: int = 0) -> tuple[Tensor, int]:
    rng = CountingGenerator(seed)
    picture = torch.zeros(3, *labels.shape, dtype=torch.uint8)
    return random_crop(picture, labels, (10, 10), ratio, rng)[1], rng.windows


@pytest.mark.parametrize(
    ("labels", "ratio", "windows"),
    [
        # One class everywhere: ten tries after the first, and the last draw counts.
        (halves(30, 30, 1, 1, 0), 0.75, CROP_ATTEMPTS + 1),
        # The same, but nobody minds.
        (halves(30, 30, 1, 1, 0), 1.0, 1),
        # A window of two halves is fine at once.
        (halves(10, 10, 1, 2, 5), 0.75, 1),
        # 8 of 10 columns are too much, exactly the share is too much as well.
        (halves(10, 10, 1, 2, 8), 0.75, CROP_ATTEMPTS + 1),
        (halves(10, 10, 1, 2, 5), 0.5, CROP_ATTEMPTS + 1),
        # Ignored pixels are no class, and count neither way.
        (halves(10, 10, IGNORED, 1, 5), 0.75, CROP_ATTEMPTS + 1),
        (halves(10, 10, IGNORED, IGNORED, 5), 0.75, CROP_ATTEMPTS + 1),
        (halves(10, 10, IGNORED, IGNORED, 5), 1.0, 1),
        (torch.cat([halves(5, 10, 1, 2, 5), halves(5, 10, IGNORED, IGNORED, 0)]), 0.75, 1),
    ],
)
def test_windows_are_drawn_again_as_published(labels, ratio, windows):
    assert windows_drawn(labels, ratio)[1] == windows


@few
@given(SEEDS)
def test_a_class_fills_a_crop_only_when_every_try_failed(seed):
    window, windows = windows_drawn(halves(30, 90, 1, 2, 45), 0.75, seed)
    share = max(float((window == value).float().mean()) for value in (1, 2))
    assert share < 0.75 or windows == CROP_ATTEMPTS + 1


def test_ratios_span_their_range_and_cut_to_whole_pixels():
    picture, labels = marked(40, 60)
    sizes = set()
    for seed in range(150):
        scaled, ids = random_scale(picture, labels, plain(ratio_range=(0.5, 2.0)), generator(seed))
        assert scaled.shape[1:] == ids.shape
        ratio = generator(seed).uniform(0.5, 2.0)
        expected = mmcv_size(60, 40, (int(60 * ratio), int(40 * ratio)))[::-1]
        assert ids.shape == expected
        sizes.add(ids.shape[0])
    assert min(sizes) < 25
    assert max(sizes) > 75


def test_the_aspect_is_jittered_both_ways_within_its_bound():
    picture, labels = marked(200, 200)
    jittered = plain(scale=(200, 200), aspect_jitter=1.5)
    aspects = []
    for seed in range(100):
        _, ids = random_scale(picture, labels, jittered, generator(seed))
        aspects.append(ids.shape[1] / ids.shape[0])
    assert 1 / 1.52 < min(aspects) < 0.75
    assert 1.33 < max(aspects) < 1.52


def test_labels_are_scaled_to_the_nearest_pixel_as_opencv_does():
    """OpenCV takes pixel floor(i * old / new), whatever the size."""
    picture, labels = marked(37, 53)
    for height, width in ((74, 106), (20, 31), (90, 61)):
        exact = plain(stretch=1.0, crop=(height, width))
        _, scaled = random_scale(picture, labels, exact, generator())
        rows = torch.arange(height) * 37 // height
        columns = torch.arange(width) * 53 // width
        assert torch.equal(scaled, labels[rows][:, columns])


def changed_in_hsv(pixel: tuple[int, ...], *, turn: float = 0.0, factor: float = 1.0):
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in pixel))
    changed = (hue + turn) % 1.0, min(1.0, saturation * factor), value
    return [255 * channel for channel in colorsys.hsv_to_rgb(*changed)]


@settings(max_examples=300, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3), st.floats(0.0, 3.0))
def test_saturation_is_scaled_as_in_hsv(pixel, factor):
    picture = torch.tensor(pixel, dtype=torch.uint8)[:, None, None]
    found = scale_saturation(picture, factor)[:, 0, 0].tolist()
    assert found == pytest.approx(changed_in_hsv(pixel, factor=factor), abs=0.51)


@few
@given(SEEDS)
def test_saturation_of_one_changes_nothing_and_grey_stays_grey(seed):
    picture, _ = noise(9, 9, seed)
    assert torch.equal(scale_saturation(picture, 1.0), picture)
    grey = picture[:1].expand(3, 9, 9)
    assert torch.equal(scale_saturation(grey, 1.5), grey)


@settings(max_examples=300, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3), st.floats(-1.0, 1.0))
def test_hue_is_turned_as_in_hsv(pixel, turn):
    picture = torch.tensor(pixel, dtype=torch.uint8)[:, None, None]
    found = shift_hue(picture, turn)[:, 0, 0].tolist()
    assert found == pytest.approx(changed_in_hsv(pixel, turn=turn), abs=0.51)


@few
@given(SEEDS)
def test_a_whole_turn_of_hue_changes_nothing(seed):
    picture, _ = noise(9, 9, seed)
    for turn in (-1.0, 0.0, 1.0):
        assert torch.equal(shift_hue(picture, turn), picture)


class ScriptedGenerator:
    """Answers draws from a script, and notes what was asked for."""

    def __init__(self, coins: list[int], values: list[float]) -> None:
        self.coins, self.values = coins, values
        self.asked = []

    def integers(self, high):
        self.asked.append(high)
        return self.coins.pop(0)

    def uniform(self, low, high):
        self.asked.append((low, pytest.approx(high)))
        return self.values.pop(0)


def test_with_no_coin_up_a_picture_is_untouched():
    picture, _ = noise(8, 8)
    for contrast_first in (0, 1):
        # Brightness, the place of contrast, then three more coins in either order.
        rng = ScriptedGenerator([0, contrast_first, 0, 0, 0], [])
        assert torch.equal(photometric_distortion(picture, rng), picture)
        assert rng.coins == []


def linear(picture: Tensor, factor: float, offset: float) -> Tensor:
    values = picture.numpy().astype(np.float32) * factor + offset
    return torch.from_numpy(np.clip(values, 0, 255).astype(np.uint8))


def test_each_distortion_is_drawn_from_its_published_range_in_the_published_order():
    picture, _ = noise(16, 16)
    rng = ScriptedGenerator([1, 1, 1, 1, 1], [20.5, 1.3, 0.7, 0.05])
    found = photometric_distortion(picture, rng)
    assert rng.asked == [2, (-32, 32), 2, 2, (0.5, 1.5), 2, (0.5, 1.5), 2, (-0.1, 0.1)]
    expected = linear(linear(picture, 1.0, 20.5), 1.3, 0.0)
    assert torch.equal(found, shift_hue(scale_saturation(expected, 0.7), 0.05))

    rng = ScriptedGenerator([1, 0, 1, 1, 1], [-9.0, 0.7, 0.05, 1.3])
    found = photometric_distortion(picture, rng)
    assert rng.asked == [2, (-32, 32), 2, 2, (0.5, 1.5), 2, (-0.1, 0.1), 2, (0.5, 1.5)]
    expected = shift_hue(scale_saturation(linear(picture, 1.0, -9.0), 0.7), 0.05)
    assert torch.equal(found, linear(expected, 1.3, 0.0))


def test_a_hue_of_a_third_turns_red_into_green():
    red = torch.tensor([200, 20, 20], dtype=torch.uint8)[:, None, None]
    rng = ScriptedGenerator([0, 1, 0, 0, 1], [1 / 3])
    assert photometric_distortion(red, rng)[:, 0, 0].tolist() == [20, 200, 20]


@few
@given(SEEDS)
def test_distorted_pictures_are_bytes_of_the_same_size(seed):
    picture, _ = noise(12, 10, seed)
    found = photometric_distortion(picture, generator(seed))
    assert found.shape == picture.shape
    assert found.dtype == torch.uint8


@pytest.mark.parametrize(("height", "width"), [(10, 90), (90, 10), (32, 48), (300, 200)])
def test_stretched_pictures_fill_the_crop_whatever_their_shape(height, width):
    picture, labels = marked(height, width)
    found, ids = random_scale(picture, labels, plain(stretch=1.0), generator())
    assert found.shape[1:] == ids.shape == (32, 48)
    made, ids = augment(picture, labels, plain(stretch=1.0), generator())
    assert made.shape == (3, 32, 48)
    assert not (ids == IGNORED).any()


def test_a_stretched_picture_is_resized_by_the_ratio():
    ratio = plain(stretch=1.0, ratio_range=(1.5, 1.5))
    found, _ = random_scale(*marked(40, 30), ratio, generator())
    assert found.shape[1:] == (48, 72)


@few
@given(SIDES, SIDES, SEEDS)
def test_degraded_pictures_are_bytes_of_the_same_size(height, width, seed):
    picture, _ = noise(height, width, seed)
    found = degrade(picture, 0.5, generator(seed))
    assert found.shape == picture.shape
    assert found.dtype == torch.uint8
    assert torch.equal(found, degrade(picture, 0.5, generator(seed)))


def test_degradation_comes_as_often_as_asked_for():
    picture, _ = noise(8, 8)
    changed = sum(
        not torch.equal(degrade(picture, 0.1, generator(seed)), picture) for seed in range(400)
    )
    # Five chances of 1 in 10 each: 41 %, 164 of 400, standard deviation 10.
    assert 124 < changed < 204


def test_gamma_darkens_and_brightens_and_leaves_black_and_white():
    picture = torch.tensor([0, 100, 255], dtype=torch.uint8).expand(3, 1, 3).clone()
    middles = {int(degrade(picture, 1.0, OnlyGamma(seed))[0, 0, 1]) for seed in range(60)}
    assert min(middles) < 60
    assert max(middles) > 140


class OnlyOne:
    """A generator by whose draws one kind of degradation happens: of gamma, grey, blur, noise."""

    chosen: int

    def __init__(self, seed: int) -> None:
        self.rng, self.draws = generator(seed), 0

    def random(self):
        self.draws += 1
        return 0.0 if self.draws == self.chosen else 1.0

    def uniform(self, low, high):
        return self.rng.uniform(low, high)

    def integers(self, high):
        return self.rng.integers(high)


class OnlyGamma(OnlyOne):
    chosen = 1


class OnlyNoise(OnlyOne):
    chosen = 4


@few
@given(SIDES, SIDES, SEEDS, st.floats(0.5, 2.0), st.floats(*BLUR_SIGMA_PX))
def test_gamma_and_blur_are_torchvisions(height, width, seed, gamma, sigma):
    # torchvision's mirrors no smaller ones.
    picture, _ = noise(height + 3, width + 3, seed)
    assert torch.equal(adjust_gamma(picture, gamma), tv.adjust_gamma(picture, gamma))
    expected = tv.gaussian_blur(picture, [7, 7], [sigma])
    # Sums in another order may fall on the other side of a half.
    assert (blur(picture, sigma).int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (3, 8), (8, 2)])
def test_the_smallest_pictures_are_blurred_as_if_they_went_on(size):
    flat = torch.full((3, *size), 77, dtype=torch.uint8)
    assert torch.equal(blur(flat, 2.0), flat)


def test_noise_has_the_deviation_that_was_drawn_and_no_more_than_a_byte():
    grey = torch.full((3, 60, 60), 128, dtype=torch.uint8)
    found = [degrade(grey, 1.0, OnlyNoise(seed)).float() for seed in range(8)]
    deviations = [float((one - 128).std()) for one in found]
    assert NOISE_DEVIATION[0] * 0.9 < min(deviations)
    assert max(deviations) < NOISE_DEVIATION[1] * 1.1
    assert max(abs(float(one.mean()) - 128) for one in found) < 1.0
    bright = degrade(torch.full_like(grey, 250), 1.0, OnlyNoise(1))
    assert int(bright.max()) == 255
    assert int(bright.min()) > 128, "nothing runs over"


def test_jpeg_of_low_quality_is_nearer_to_the_picture_than_to_any_other():
    pictures = [
        torch.from_numpy(values).permute(2, 0, 1)[:, :96, :96].contiguous()
        for _name, values in bundled_pictures()
    ]
    for picture in pictures:
        found = through_jpeg(picture, 30)
        assert found.shape == picture.shape
        distances = [(found.float() - other.float()).abs().mean() for other in pictures]
        assert min(distances) < 10
        assert torch.equal(pictures[int(np.argmin(distances))], picture)


@few
@given(SEEDS)
def test_half_the_classes_are_pasted_and_the_rest_stays(seed):
    below, above = noise(9, 12, seed), noise(9, 12, seed + 1)
    sample = below[0].float(), below[1].long()
    other = above[0].float() + 1000, above[1].long()
    picture, labels = paste_classes(sample, other, generator(seed))
    pasted = picture[0] >= 1000
    assert torch.equal(picture, torch.where(pasted, other[0], sample[0]))
    assert torch.equal(labels, torch.where(pasted, other[1], sample[1]))
    present = set(other[1].unique().tolist()) - {IGNORED}
    chosen = set(other[1][pasted].tolist())
    assert len(chosen) == (len(present) + 1) // 2
    # Whole classes, and never the ignored pixels.
    assert torch.equal(pasted, torch.isin(other[1], torch.tensor(sorted(chosen))))
    assert IGNORED not in chosen
