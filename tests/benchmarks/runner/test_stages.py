"""The stages around the network give Python's bits."""

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.runner_calls import Runner
from topformer.manifest import InputInfo
from topformer.preprocess import IMAGENET_MEAN, IMAGENET_STD, input_info, to_tensor
from topformer.tasks.upsampling import upsample_labels

SIZES = [
    # Logits [c, h, w] and labels [H, W].
    ((150, 56, 56), (448, 448)),
    ((150, 48, 72), (384, 576)),
    ((19, 7, 5), (56, 40)),
    ((3, 1, 1), (8, 8)),
    ((3, 1, 9), (5, 70)),
    ((4, 6, 4), (6, 4)),  # nothing to resize
    ((4, 6, 4), (6, 31)),  # nothing to resize along one side
    ((5, 20, 30), (7, 11)),  # smaller than the logits
    ((2, 3, 2), (100, 3)),
    ((1, 4, 4), (32, 32)),
    ((300, 5, 6), (17, 19)),  # labels beyond 8 bits
]


@pytest.fixture(scope="module")
def runner(host_runner, tmp_path_factory):
    return Runner(command=host_runner.command, folder=tmp_path_factory.mktemp("stages"))


def same_labels(runner, logits, size):
    assert np.array_equal(runner.labels(logits, size), upsample_labels(logits, size))


def smooth(shape, seed):
    """Logits with large even regions, as real ones have."""
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((1, shape[0], -(-shape[1] // 4), -(-shape[2] // 4)))
    fine = coarse.repeat(4, axis=2).repeat(4, axis=3)[:, :, : shape[1], : shape[2]]
    return (fine + 0.2 * rng.standard_normal(fine.shape)).astype(np.float32)


@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_labels_of_smooth_logits(runner, shape, size):
    same_labels(runner, smooth(shape, 0), size)


@pytest.mark.parametrize(("shape", "size"), SIZES[1:])
def test_labels_of_noise(runner, shape, size):
    same_labels(runner, np.random.default_rng(1).standard_normal((1, *shape), np.float32), size)


@pytest.mark.parametrize(("shape", "size"), SIZES[2:])
def test_labels_of_whole_numbers_where_classes_tie(runner, shape, size):
    logits = np.random.default_rng(2).integers(-2, 3, (1, *shape)).astype(np.float32)
    same_labels(runner, logits, size)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("shape", "size"), SIZES[2:])
def test_labels_where_some_logits_are_not_finite(runner, shape, size, special):
    rng = np.random.default_rng(3)
    logits = rng.standard_normal((1, *shape), np.float32)
    logits[rng.random(logits.shape) < 0.1] = special
    same_labels(runner, logits, size)


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_labels_of_anything_finite(runner, data):
    shape = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 9), st.integers(1, 12)))
    size = data.draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    values = data.draw(
        st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=24),
        label="values",
    )
    order = np.random.default_rng(data.draw(st.integers(0, 2**32))).integers(
        0, len(values), (1, *shape)
    )
    same_labels(runner, np.array(values, np.float32)[order], size)


def test_the_tensor_of_every_value_in_every_channel(runner):
    picture = np.random.default_rng(0).integers(0, 256, (64, 80, 3)).astype(np.uint8)
    picture.reshape(-1, 3)[:256] = np.arange(256)[:, None]
    for mean, std in [
        (IMAGENET_MEAN, IMAGENET_STD),
        ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        ((0.1, -3.3, 1e-7), (255.0, 0.3, 1.1e5)),
    ]:
        info = InputInfo(height=64, width=80, mean=mean, std=std)
        same_tensor(runner, picture, info)


def same_tensor(runner, picture, info):
    found, _ = runner.tensor(picture, info)
    assert found.tobytes() == to_tensor(picture, info).tobytes()


def scattered(size, seed):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("picture", "size"),
    [
        # A camera's frame and photos, lying and standing, to a network's input.
        ((480, 640), (448, 448)),
        ((640, 480), (448, 448)),
        ((1500, 2000), (384, 576)),
        ((2000, 500), (64, 300)),
        ((448, 640), (448, 448)),  # nothing to resize along one side
        ((640, 448), (448, 448)),
        ((1, 1), (64, 96)),
        ((1, 5000), (70, 3)),
        ((5000, 1), (3, 70)),
    ],
)
def test_a_resized_picture_gives_pythons_tensor(runner, picture, size):
    same_tensor(runner, scattered(picture, 4), input_info(*size))


def test_even_pictures_stay_even_at_either_end(runner):
    """Shares are rounded: they must neither darken white nor wrap around beyond it."""
    for value in (0, 255):
        picture = np.full((731, 977, 3), value, np.uint8)
        found, _ = runner.tensor(
            picture, InputInfo(height=64, width=65, mean=(0, 0, 0), std=(1, 1, 1))
        )
        assert (found == value).all()


@given(
    picture=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    seed=st.integers(0, 2**32),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_picture_of_any_size_gives_pythons_tensor_at_any_other(runner, picture, size, seed):
    same_tensor(runner, scattered(picture, seed), input_info(*size))


@pytest.mark.parametrize("pixels", range(1, 20))
def test_hashes_of_every_length_are_right(runner, pixels):
    picture = np.full((1, pixels, 3), 7, np.uint8)
    tensor, document = runner.tensor(picture, input_info(1, pixels))
    assert document.tensor_sha256 == hashlib.sha256(tensor.tobytes()).hexdigest()
