"""Label files: ids become train ids, and all that is no ids is refused with its name."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from topformer.data.labels import IGNORED, label_table, read_labels
from topformer.errors import TopformerError
from topformer.manifest import Classes

PALETTE = ((10, 20, 30), (200, 0, 0), (0, 200, 0))
CLASSES = Classes(dataset="Three", names=("a", "b", "c"), palette=PALETTE)
TABLE = label_table(range(3), ignored=(9, 255))
IDS = np.array([[0, 1, 2], [9, 255, 1]], np.uint8)
TRAIN_IDS = [[0, 1, 2], [IGNORED, IGNORED, 1]]


def save(tmp_path, image: Image.Image, name: str = "labels.png"):
    path = tmp_path / name
    image.save(path)
    return path


def refused(path) -> TopformerError:
    with pytest.raises(TopformerError) as caught:
        read_labels(path, TABLE, CLASSES)
    assert str(path) in caught.value.what
    return caught.value


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_grey_values_and_indices_are_ids(tmp_path, mode):
    image = Image.fromarray(IDS)
    if mode == "P":
        # Full, because Pillow writes no more bits a pixel than a short palette needs.
        image.putpalette([value for colour in PALETTE for value in colour] + [90] * (253 * 3))
    elif mode != "L":
        image = Image.fromarray(IDS.astype(np.uint16))
    path = save(tmp_path, image)
    assert read_labels(path, TABLE, CLASSES).tolist() == TRAIN_IDS


def test_bilevel_pictures_are_ids_too(tmp_path):
    path = save(tmp_path, Image.fromarray(np.array([[False, True]])))
    assert read_labels(path, TABLE, CLASSES).tolist() == [[0, 1]]


def narrow_png(bits: int, rows: list[bytes], width: int) -> bytes:
    """A grey PNG of few bits a pixel, as optimisers leave of labels with few classes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, len(rows), bits, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("bits", "rows", "expected"),
    [
        (1, [b"\x40"], [[0, 1]]),
        (2, [b"\x18", b"\x90"], [[0, 1], [2, 1]]),
        (4, [b"\x01", b"\x29"], [[0, 1], [2, IGNORED]]),
    ],
)
def test_grey_of_few_bits_holds_ids_not_shades(tmp_path, bits, rows, expected):
    path = tmp_path / "labels.png"
    path.write_bytes(narrow_png(bits, rows, 2))
    assert read_labels(path, TABLE, CLASSES).tolist() == expected


def test_a_value_out_of_range_is_named_with_what_the_data_set_has(tmp_path):
    error = refused(save(tmp_path, Image.fromarray(np.array([[0, 3, 77]], np.uint8))))
    assert "out of range: 3, 77" in error.what
    assert "0-2; ignored: 9, 255" in error.why
    assert "--dataset" in error.next_step


def test_sixteen_bits_beyond_a_byte_are_out_of_range(tmp_path):
    error = refused(save(tmp_path, Image.fromarray(np.array([[0, 26_001]], np.uint16))))
    assert "26001" in error.what


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colours_are_refused(tmp_path, mode):
    error = refused(save(tmp_path, Image.new(mode, (3, 2))))
    assert f"holds colours ({mode})" in error.what
    assert error.next_step


def test_colours_reduced_to_a_palette_are_refused(tmp_path):
    """Their indices are in range and mean nothing: an optimiser orders them by use."""
    colours = Image.fromarray(np.array(PALETTE, np.uint8)[np.array([[2, 2, 0], [2, 1, 2]])])
    reduced = colours.quantize(3)
    indices = np.asarray(reduced)
    assert indices.max() <= 2
    error = refused(save(tmp_path, reduced))
    assert "reduced to a palette" in error.what


def test_an_unrelated_palette_is_only_decoration(tmp_path):
    image = Image.fromarray(IDS)
    image.putpalette([255, 255, 0, 0, 255, 255, 255, 0, 255] + [90] * (253 * 3))
    assert read_labels(save(tmp_path, image), TABLE, CLASSES).tolist() == TRAIN_IDS


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n garbage"])
def test_what_is_no_png_is_refused(tmp_path, data):
    path = tmp_path / "labels.png"
    path.write_bytes(data)
    assert "cannot be read as labels" in refused(path).what


def test_a_png_cut_short_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 3, (90, 90)).astype(np.uint8)
    path = save(tmp_path, Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[:-500])
    assert "cannot be read as labels" in refused(path).what


def test_jpegs_are_refused_whatever_their_name(tmp_path):
    path = tmp_path / "labels.png"
    Image.fromarray(IDS).save(path, format="JPEG")
    assert "cannot be read as labels" in refused(path).what


def test_a_missing_file_is_told(tmp_path):
    assert "does not exist" in refused(tmp_path / "none.png").what


def test_a_huge_picture_is_refused_by_its_header(tmp_path):
    path = save(tmp_path, Image.new("1", (20_000, 5_000)))
    assert "too many pixels" in refused(path).what


@given(st.sets(st.integers(0, 254), min_size=1, max_size=200))
def test_a_table_numbers_its_values_in_the_order_given(values):
    order = sorted(values, key=lambda value: value * 7919 % 251)
    table = label_table(order)
    assert table[order].tolist() == list(range(len(order)))
    assert table[255] == IGNORED
