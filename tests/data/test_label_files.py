"""Label files: ids become train ids, and all that is no ids is refused with its name."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from topformer.data.label_files import IGNORED, label_table, open_labels
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
        open_labels(path, TABLE, CLASSES)
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
    assert open_labels(path, TABLE, CLASSES).ids.tolist() == TRAIN_IDS


def test_bilevel_pictures_are_ids_too(tmp_path):
    path = save(tmp_path, Image.fromarray(np.array([[False, True]])))
    assert open_labels(path, TABLE, CLASSES).ids.tolist() == [[0, 1]]


def narrow_png(bits: int, rows: list[bytes], width: int, *, colour_type: int = 0) -> bytes:
    """A grey PNG of few bits a pixel, as optimisers leave of labels with few classes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour_type, 0, 0, 0)
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
    assert open_labels(path, TABLE, CLASSES).ids.tolist() == expected


def test_a_value_out_of_range_is_named_with_what_the_data_set_has(tmp_path):
    error = refused(save(tmp_path, Image.fromarray(np.array([[0, 3, 77]], np.uint8))))
    assert "out of range: 3, 77" in error.what
    assert "0-2; ignored: 9, 255" in error.why
    assert "--dataset" in error.next_step


def test_sixteen_bits_beyond_a_byte_are_out_of_range(tmp_path):
    error = refused(save(tmp_path, Image.fromarray(np.array([[0, 26_001]], np.uint16))))
    assert "26001" in error.what
    error = refused(save(tmp_path, Image.fromarray(np.array([[0, 257, 514]], np.uint16))))
    assert "divide them by 257" in error.next_step


@pytest.mark.parametrize(
    ("mode", "colour"),
    [("RGB", (1, 2, 1)), ("RGBA", (1, 1, 0, 255)), ("RGBA", (1, 1, 1, 254)), ("LA", (1, 0))],
)
def test_colours_and_what_can_be_seen_through_are_refused(tmp_path, mode, colour):
    error = refused(save(tmp_path, Image.new(mode, (3, 2), colour)))
    assert f"holds colours ({mode})" in error.what
    assert "id files" in error.next_step


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_values_saved_as_colours_are_ids_and_said_to_be_so(tmp_path, mode):
    found = open_labels(save(tmp_path, Image.fromarray(IDS).convert(mode)), TABLE, CLASSES)
    assert found.ids.tolist() == TRAIN_IDS
    assert found.grey_as_colours
    assert found.counts[[0, 1, 2, 9, 255]].tolist() == [1, 2, 1, 1, 1]
    plain = open_labels(save(tmp_path, Image.fromarray(IDS)), TABLE, CLASSES)
    assert not plain.grey_as_colours


def test_ids_in_the_red_channel_alone_are_told_how_to_get_out(tmp_path):
    red = np.zeros((2, 3, 3), np.uint8)
    red[:, :, 0] = IDS
    error = refused(save(tmp_path, Image.fromarray(red)))
    assert "red channel" in error.why
    assert "that channel alone" in error.next_step


def test_colours_of_sixteen_bits_are_not_taken_for_their_upper_half(tmp_path):
    """Pillow keeps the upper 8 bits, in which every id is 0."""
    path = tmp_path / "labels.png"
    row = b"".join(struct.pack(">HHH", one, one, one) for one in (0, 1, 2))
    path.write_bytes(narrow_png(16, [row], 3, colour_type=2))
    assert "holds colours" in refused(path).what


@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_are_turned_by_an_orientation_of_their_own(tmp_path, orientation):
    """As their picture is: an editor that kept the tag meant it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "labels.png"
    Image.fromarray(IDS).save(path, exif=exif)
    found = open_labels(path, TABLE, CLASSES)
    assert found.orientation == orientation
    with Image.open(path) as image:
        upright = np.array(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(found.ids, TABLE[upright])


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ([0, 128, 255], "0, 1, 2 in place of 0, 128, 255"),
        ([0, 127, 255], "0, 1, 2"),
        ([0, 64, 128, 191, 255], "0, 1, 2, 3, 4"),
        ([1, 2, 3], "counted from 1"),
        ([1, 3, 255], "counted from 1"),
        ([0, 50, 100], "multiplied by 50"),
        ([0, 3, 77], "--dataset"),
        ([9, 77], "--dataset"),
        ([77], "--dataset"),
    ],
)
def test_what_may_have_happened_to_ids_out_of_range_is_told(tmp_path, values, advice):
    error = refused(save(tmp_path, Image.fromarray(np.array([values], np.uint8))))
    assert advice in error.next_step


def test_of_two_classes_the_other_may_be_any_shade(tmp_path):
    two = Classes(dataset="Two", names=("a", "b"), palette=PALETTE[:2])
    path = save(tmp_path, Image.fromarray(np.array([[0, 128]], np.uint8)))
    with pytest.raises(TopformerError, match="out of range: 128") as caught:
        open_labels(path, label_table(range(2)), two)
    assert "multiplied by 128" in caught.value.next_step


@pytest.mark.parametrize(
    ("kind", "named", "advice"),
    [
        ("JPEG", "It is a JPEG", "does not bring the ids back"),
        ("WEBP", "It is a WEBP", "does not bring the ids back"),
        ("BMP", "It is a BMP", "with the same values"),
        ("TIFF", "It is a TIFF", "with the same values"),
        ("GIF", "It is a GIF", "with the same values"),
        (None, "It is empty", "PNG files whose pixel values are class ids"),
    ],
)
def test_what_is_no_png_is_told_what_it_is(tmp_path, kind, named, advice):
    path = tmp_path / "labels.png"
    path.touch()
    if kind:
        Image.fromarray(IDS).save(path, format=kind)
    error = refused(path)
    assert named in error.why
    assert advice in error.next_step


def test_colours_reduced_to_a_palette_are_refused(tmp_path):
    """Their indices are in range and mean nothing: an optimiser orders them by use."""
    colours = Image.fromarray(np.array(PALETTE, np.uint8)[np.array([[2, 2, 0], [2, 1, 2]])])
    reduced = colours.quantize(3)
    indices = np.asarray(reduced)
    assert indices.max() <= 2
    error = refused(save(tmp_path, reduced))
    assert "reduced to a palette" in error.what


def test_greys_reduced_to_a_palette_are_refused_where_they_are_in_another_order(tmp_path):
    image = Image.fromarray(np.array([[2, 2, 0], [2, 1, 2]], np.uint8))
    image.putpalette([value for grey in (2, 1, 0) for value in [grey] * 3] + [90] * (253 * 3))
    error = refused(save(tmp_path, image))
    assert "reduced to a palette" in error.what
    assert "Index 0" in error.why


@pytest.mark.parametrize("greys", [(0, 1, 2), (0, 127, 255), (0, 255, 128), (50, 50, 50)])
def test_greys_that_are_for_the_eye_change_nothing(tmp_path, greys):
    image = Image.fromarray(np.array([[2, 2, 0], [2, 1, 2]], np.uint8))
    image.putpalette([value for grey in greys for value in [grey] * 3] + [90] * (253 * 3))
    assert open_labels(save(tmp_path, image), TABLE, CLASSES).ids.tolist() == [[2, 2, 0], [2, 1, 2]]


def test_an_unrelated_palette_is_only_decoration(tmp_path):
    image = Image.fromarray(IDS)
    image.putpalette([255, 255, 0, 0, 255, 255, 255, 0, 255] + [90] * (253 * 3))
    assert open_labels(save(tmp_path, image), TABLE, CLASSES).ids.tolist() == TRAIN_IDS


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
