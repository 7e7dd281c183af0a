import hashlib

import numpy as np
import pytest
from PIL import Image

from topformer.errors import UsageError
from topformer.manifest import InputInfo
from topformer.preprocess import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    input_info,
    parse_image_size,
    size_in_shape,
    to_tensor,
)


def synthetic(height: int, width: int) -> np.ndarray:
    """A picture from integers alone, so that every language can make the same one."""
    count = height * width * 3
    return (np.arange(count) * 37 % 256).astype(np.uint8).reshape(height, width, 3)


def digest(tensor: np.ndarray) -> str:
    return hashlib.sha256(tensor.astype("<f4").tobytes()).hexdigest()


def test_definition_is_exact():
    """Every value of every channel, against the formula with each operation rounded to float32."""
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    tensor = to_tensor(picture, input_info(16, 16))
    assert tensor.shape == (1, 3, 16, 16)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    for channel in range(3):
        mean, std = np.float32(IMAGENET_MEAN[channel]), np.float32(IMAGENET_STD[channel])
        expected = [(np.float32(value) - mean) / std for value in range(256)]
        assert tensor[0, channel].ravel().tolist() == expected


def test_colours_stay_red_green_blue():
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:, :, 0] = 255
    tensor = to_tensor(picture, input_info(4, 4))
    assert tensor[0, 0].min() > 2
    assert tensor[0, 1:].max() < -1.5


# Golden: other implementations (C++, Kotlin) and other versions of the libraries must agree.
@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (24, 40, "6b454c19b99d3bcccac72ba1cb8be7d50669c4f459652483c0a30df1c97c7b7c"),
        (31, 77, "a43bff4769ead58051e80759ce001144b9b82611d29bb1d201382d3104c6a27b"),
        (9, 11, "1f3c19efe7c994922af513dfd3af914a613cb7386641c314f6994d3b62ea4395"),
        # So tall that some versions of Pillow would take its columns first.
        (300, 70, "170654dce49e574476da7d6f0f1a5db50711bce6bf55d9472f4a9bb627555a96"),
    ],
)
def test_golden_vectors(height, width, expected):
    assert digest(to_tensor(synthetic(height, width), input_info(24, 40))) == expected


@pytest.mark.parametrize("size", [(50, 30), (30, 50), (200, 70), (20, 64), (32, 30)])
def test_resize_is_pillows_and_stretches_along_the_rows_first(size):
    picture = synthetic(*size)
    wide = Image.fromarray(picture).resize((64, size[0]), Image.Resampling.BILINEAR)
    resized = wide.resize((64, 32), Image.Resampling.BILINEAR)
    info = input_info(32, 64)
    np.testing.assert_array_equal(to_tensor(picture, info), to_tensor(np.asarray(resized), info))


def test_mean_and_std_come_from_the_description():
    info = InputInfo(height=2, width=2, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    tensor = to_tensor(np.full((2, 2, 3), 5, np.uint8), info)
    assert tensor[0, :, 0, 0].tolist() == [2.0, 0.75, 0.25]


def test_views_and_read_only_pictures():
    picture = synthetic(20, 20)
    info = input_info(16, 16)
    expected = to_tensor(picture[::-1, ::-1].copy(), info)
    np.testing.assert_array_equal(to_tensor(picture[::-1, ::-1], info), expected)
    picture.flags.writeable = False
    before = picture.copy()
    to_tensor(picture, info)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_refuses_what_is_no_picture(picture):
    with pytest.raises(UsageError, match="uint8"):
        to_tensor(picture, input_info(64, 64))


@pytest.mark.parametrize(
    ("text", "size"),
    [("448", (448, 448)), ("384x576", (384, 576)), (" 64X4096 ", (64, 4096))],
)
def test_image_size(text, size):
    assert parse_image_size(text) == size


@pytest.mark.parametrize(
    ("image_size", "picture_size", "expected"),
    [
        ((448, 448), (360, 480), (384, 512)),
        ((448, 448), (480, 360), (512, 384)),
        ((512, 512), (360, 480), (448, 576)),
        ((448, 448), (1024, 2048), (320, 640)),
        ((448, 448), (500, 480), (448, 448)),
        ((384, 512), (360, 480), (384, 512)),
        ((64, 64), (360, 480), (64, 64)),
        # The narrowest there is.
        ((448, 448), (1, 4096), (64, 3136)),
    ],
)
def test_the_size_in_the_shape_of_pictures_costs_the_same(image_size, picture_size, expected):
    assert size_in_shape(image_size, picture_size) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "448x",
        "448x448x3",
        "44.8",
        "-448",
        "63",
        "448x4097",
        "99999999",
        "\u0664\u0664\u0668",
    ],
)
def test_image_size_refused(text):
    with pytest.raises(UsageError):
        parse_image_size(text)
