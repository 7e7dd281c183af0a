"""What `--picture` may be, and what the clock then finds in memory."""

import numpy as np
import pytest
from PIL import Image

from topformer.benchmarks.documents.conditions import StartingPicture
from topformer.benchmarks.workers.pictures import (
    check_picture,
    open_picture,
    picture_name,
    resized_from,
)
from topformer.errors import UsageError
from topformer.preprocess import input_info

INFO = input_info(64, 96)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path, pixels


def test_without_a_choice_it_has_the_size_of_the_input():
    picture = open_picture(None, INFO)
    assert (picture.pixels.shape, picture.name) == ((64, 96, 3), "china")
    assert resized_from(picture, INFO) is None


@pytest.mark.parametrize("choice", ["480x640", "480X640"])
def test_a_size_is_one_of_the_bundled_picture(choice):
    check_picture(choice)
    picture = open_picture(choice, INFO)
    assert (picture.pixels.shape, picture.name) == ((480, 640, 3), "china")
    assert resized_from(picture, INFO) == StartingPicture(height=480, width=640)


def test_a_file_is_decoded_and_named_with_its_hash(photo):
    path, pixels = photo
    check_picture(str(path))
    picture = open_picture(str(path), INFO)
    assert np.array_equal(picture.pixels, pixels)
    assert resized_from(picture, INFO) == StartingPicture(height=30, width=50)
    # The worker's parent does not decode it to know its name.
    assert picture.name == picture_name(str(path))
    Image.fromarray(pixels[::-1]).save(path)
    assert picture_name(str(path)) != picture.name
    assert picture_name(str(path)).startswith("photo.png, SHA-256 ")


def test_the_largest_sizes():
    for choice in ("1x32768", "32768x1", "8000x10000"):
        check_picture(choice)
    for choice in ("1x32769", "8001x10000", "0x1", "nothing.png"):
        with pytest.raises(UsageError):
            check_picture(choice)
