import io
import struct
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from topformer import images
from topformer.errors import TopformerError, UsageError
from topformer.images import (
    bundled_picture,
    bundled_pictures,
    find_pictures,
    read_picture,
    read_reduced,
)

RAMP = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3


def saved(folder: Path, image: Image.Image, name: str = "picture.png", **options) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def test_rgb_is_read_as_it_is(tmp_path):
    for name in ("a.png", "a.bmp", "a.tiff", "a.ppm"):
        found = read_picture(saved(tmp_path, Image.fromarray(RAMP), name))
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, RAMP)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    upright = Image.new("RGB", (60, 40), "blue")
    upright.paste((255, 0, 0), (0, 0, 20, 10))  # a red mark at the top left
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.jpg", "a.png", "a.tiff", "a.webp"):
        found = read_picture(saved(tmp_path, stored, name, exif=exif))
        assert found.shape == (40, 60, 3), name
        assert found[3, 5, 0] > 200, name
        assert found[3, 5, 2] < 60, name
        assert found[35, 55, 2] > 200, name


def test_grey_one_bit_and_palette(tmp_path):
    grey = Image.fromarray(RAMP[:, :, 0])
    np.testing.assert_array_equal(read_picture(saved(tmp_path, grey)), RAMP[:, :, :1].repeat(3, 2))

    bits = Image.fromarray(RAMP[:, :, 0] > 100)
    assert bits.mode == "1"
    expected = np.where(RAMP[:, :, :1] > 100, 255, 0).repeat(3, 2)
    np.testing.assert_array_equal(read_picture(saved(tmp_path, bits)), expected)

    palette = Image.fromarray(RAMP).quantize(24)
    np.testing.assert_array_equal(
        read_picture(saved(tmp_path, palette)), np.asarray(palette.convert("RGB"))
    )


def test_transparency_is_laid_over_white(tmp_path):
    rgba = Image.new("RGBA", (3, 1))
    rgba.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])
    found = read_picture(saved(tmp_path, rgba))
    assert found.tolist() == [[[255, 0, 0], [255, 255, 255], [127, 127, 127]]]

    grey = Image.new("LA", (2, 1))
    grey.putdata([(10, 255), (10, 0)])
    assert read_picture(saved(tmp_path, grey))[0, :, 0].tolist() == [10, 255]

    palette = Image.new("P", (2, 1))
    palette.putpalette([9, 9, 9, 200, 0, 0])
    palette.putdata([0, 1])
    found = read_picture(saved(tmp_path, palette, transparency=0))
    assert found.tolist() == [[[255, 255, 255], [200, 0, 0]]]


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.pgm"])
def test_sixteen_bits_are_scaled(tmp_path, name):
    values = np.array([[0, 128, 129, 257, 25700, 32768, 65535]], np.uint16)
    found = read_picture(saved(tmp_path, Image.fromarray(values), name))
    expected = np.round(values / 257).astype(np.uint8)
    np.testing.assert_array_equal(found[:, :, 0], expected)
    np.testing.assert_array_equal(found[:, :, 2], expected)


def test_sixteen_bits_have_a_transparent_value_too(tmp_path):
    values = np.array([[0, 257, 25700, 25701]], np.uint16)
    path = saved(tmp_path, Image.fromarray(values), "a.png", transparency=25700)
    assert read_picture(path)[0, :, 0].tolist() == [0, 1, 255, 100]


def png(path, *, bits: int, colour: int, transparent: bytes, row: bytes | None, width: int):
    """Write a PNG of one row with a transparent value, of a depth that Pillow does not write.

    Without a row it has no pixels, as a damaged file may.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tRNS", transparent)
        + (b"" if row is None else chunk(b"IDAT", zlib.compress(b"\0" + row)))
        + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize(
    ("bits", "value", "row", "expected"),
    [
        (1, 1, 0b0100_0000, [0, 255]),
        (1, 0, 0b0100_0000, [255, 255]),
        (2, 1, 0b0110_0000, [255, 170]),
        (4, 7, 0x79, [255, 153]),
    ],
)
def test_few_bits_have_a_transparent_value_too(tmp_path, bits, value, row, expected):
    path = png(
        tmp_path / "a.png",
        bits=bits,
        colour=0,
        transparent=struct.pack(">H", value),
        row=bytes([row]),
        width=2,
    )
    assert read_picture(path)[0, :, 0].tolist() == expected


def test_sixteen_bits_a_channel_have_a_transparent_colour_too(tmp_path):
    colours = [(0xC80A, 0x1234, 0x00FF), (0x0A55, 0x0A55, 0x0A55)]
    first, both = struct.pack(">3H", *colours[0]), struct.pack(">6H", *colours[0], *colours[1])
    path = png(tmp_path / "a.png", bits=16, colour=2, transparent=first, row=both, width=2)
    assert read_picture(path).tolist() == [[[255, 255, 255], [0x0A, 0x0A, 0x0A]]]


def test_a_transparent_value_without_pixels_is_damage(tmp_path):
    path = png(tmp_path / "a.png", bits=2, colour=0, transparent=b"\0\1", row=None, width=2)
    with pytest.raises(TopformerError) as raised:
        read_picture(path)
    assert "cannot load this image" in raised.value.why


def test_cmyk(tmp_path):
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # no cyan: red
    for name, options in (("a.tiff", {}), ("a.jpg", {"quality": 95})):
        red, green, blue = read_picture(saved(tmp_path, cmyk, name, **options))[4, 4]
        assert red > 250, name
        assert max(green, blue) < 10, name


def test_one_pixel_and_a_line(tmp_path):
    assert read_picture(saved(tmp_path, Image.new("RGB", (1, 1)))).shape == (1, 1, 3)
    assert read_picture(saved(tmp_path, Image.new("L", (1, 5000)))).shape == (5000, 1, 3)


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for name in ("a.gif", "a.webp", "a.png", "a.tiff"):
        options = {"lossless": True} if name == "a.webp" else {}
        path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], **options)
        assert read_picture(path)[0, 0].tolist() == [255, 0, 0], name


def test_floating_point_is_refused(tmp_path):
    path = saved(tmp_path, Image.new("F", (4, 4), 0.5), "a.tiff")
    with pytest.raises(TopformerError, match="floating-point"):
        read_picture(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.tiff", "a.webp", "a.bmp"])
def test_a_file_cut_short(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(noise), name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(TopformerError) as caught:
        read_picture(path)
    assert str(path) in caught.value.what


def test_no_picture(tmp_path):
    path = tmp_path / "a.png"
    for content in (b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        path.write_bytes(content)
        with pytest.raises(TopformerError, match="not a picture"):
            read_picture(path)
    with pytest.raises(TopformerError, match="does not exist"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(TopformerError):
        read_picture(tmp_path)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 99) + b"IDAT"


@pytest.mark.parametrize("side", [9_000, 10_000, 60_000])
def test_too_many_pixels_are_refused_by_the_header(tmp_path, side):
    # 81 million: our limit; 100: where Pillow warns; 3600: where Pillow itself refuses.
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(side, side))
    with pytest.raises(TopformerError, match="too many pixels"):
        read_picture(path)


@pytest.mark.parametrize("size", [(1, 65_536), (65_536, 1)])
def test_few_pixels_in_too_long_a_side_are_refused_by_the_header(tmp_path, size):
    path = tmp_path / "thin.png"
    path.write_bytes(png_header(*size))
    with pytest.raises(TopformerError, match="too long") as caught:
        read_picture(path)
    assert f"{size[0]:,}x{size[1]:,}" in caught.value.why
    assert read_picture(saved(tmp_path, Image.new("L", (1, 65_535)))).shape == (65_535, 1, 3)


def test_the_limit_itself_is_read(tmp_path, monkeypatch):
    path = saved(tmp_path, Image.fromarray(RAMP))
    monkeypatch.setattr(images, "LARGEST_PICTURE_PX", 24)
    assert read_picture(path).shape == (4, 6, 3)
    monkeypatch.setattr(images, "LARGEST_PICTURE_PX", 23)
    with pytest.raises(TopformerError, match="too many pixels"):
        read_picture(path)


def test_webp_has_a_limit_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "LARGEST_WEBP_PX", 23)
    with pytest.raises(TopformerError, match="too many pixels") as caught:
        read_picture(saved(tmp_path, Image.fromarray(RAMP), "a.webp"))
    assert "At most 23" in caught.value.why
    assert read_picture(saved(tmp_path, Image.fromarray(RAMP), "a.png")).shape == (4, 6, 3)


def test_a_picture_up_to_the_limit_is_not_reduced(tmp_path, monkeypatch):
    path = saved(tmp_path, Image.fromarray(RAMP))
    monkeypatch.setattr(images, "LARGEST_WHOLE_PX", 24)
    found = read_reduced(path)
    assert found.size == (4, 6)
    np.testing.assert_array_equal(found.pixels, read_picture(path))
    monkeypatch.setattr(images, "LARGEST_WHOLE_PX", 23)
    assert read_reduced(path).pixels.shape == (2, 3, 3)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff", "a.webp", "a.gif"])
@pytest.mark.parametrize(("most_px", "factor"), [(64 * 48 // 4, 2), (64 * 48 // 16, 4), (60, 8)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_larger_picture_is_its_average(tmp_path, monkeypatch, name, most_px, factor, orientation):
    # Smooth, so that averages of any kind agree.
    rows, columns = np.indices((48, 64))
    pixels = np.stack([rows * 4, columns * 3, 200 - rows * 2], axis=2).astype(np.uint8)
    options = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {}
    options |= {"lossless": True} if name == "a.webp" else {}
    exif = Image.Exif()
    exif[0x0112] = orientation
    options |= {"exif": exif} if name != "a.gif" else {}
    path = saved(tmp_path, Image.fromarray(pixels), name, **options)
    whole = read_picture(path)
    monkeypatch.setattr(images, "LARGEST_WHOLE_PX", most_px)
    found = read_reduced(path)
    assert found.size == whole.shape[:2]
    # Sides that are no multiple are rounded up.
    assert found.pixels.shape[:2] == tuple(-(-side // factor) for side in found.size)
    stored = np.rot90(found.pixels) if orientation == 6 and name != "a.gif" else found.pixels
    expected = np.asarray(Image.fromarray(pixels).reduce(factor)).astype(int)
    # A GIF's palette is coarse; JPEG repeats what lies at its edges.
    difference = np.abs(expected - stored)[:-1, :-1]
    assert difference.max() <= (16 if name == "a.gif" else 4)


def test_bands_do_not_show(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (37, 20, 3), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(noise))
    for rows in (8, 16, 64):
        monkeypatch.setattr(images, "_BAND_ROWS", rows)
        np.testing.assert_array_equal(read_picture(path), noise)
        monkeypatch.setattr(images, "LARGEST_WHOLE_PX", 37 * 20 // 4)
        expected = np.asarray(Image.fromarray(noise).reduce(2))
        np.testing.assert_array_equal(read_reduced(path).pixels, expected)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM"]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=20),
)
def test_damage_is_an_error_or_a_picture(tmp_path, kind, changes):
    stream = io.BytesIO()
    Image.fromarray(RAMP.repeat(4, 0)).save(stream, kind)
    data = bytearray(stream.getvalue())
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    path = tmp_path / "damaged"
    path.write_bytes(data)
    try:
        found = read_picture(path)
    except TopformerError:
        return
    assert found.dtype == np.uint8
    assert found.shape[2] == 3


def test_find_pictures(tmp_path):
    for name in (
        "b.png", "a.JPG", "c.txt", ".hidden.png", "a.labels.png", "a.overlay.png", "sub/d.png"
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    folder = [tmp_path / "a.JPG", tmp_path / "b.png"]
    assert find_pictures([tmp_path]) == folder
    assert find_pictures([tmp_path / "b.png", tmp_path]) == [folder[1], folder[0]]
    assert find_pictures([tmp_path / "c.txt"]) == [tmp_path / "c.txt"]
    assert find_pictures([tmp_path / "sub", tmp_path]) == [tmp_path / "sub/d.png", *folder]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert find_pictures([empty]) == []
    with pytest.raises(UsageError, match="does not exist"):
        find_pictures([tmp_path / "missing"])


@pytest.mark.parametrize("suffix", images.UNREADABLE_SUFFIXES)
def test_pictures_of_other_kinds_are_found_in_a_folder_and_then_refused(tmp_path, suffix):
    for name in (f"a{suffix}", f"B{suffix.upper()}"):
        (tmp_path / name).write_bytes(b"\0\0\0\x14ftypheic" + bytes(99))
    found = find_pictures([tmp_path])
    assert [path.stem for path in found] == ["B", "a"]
    with pytest.raises(TopformerError, match="not a picture that can be read"):
        read_picture(found[0])


def test_bundled_pictures():
    pictures = bundled_pictures()
    assert [name for name, _ in pictures] == ["china", "astronaut", "coffee", "chelsea"]
    for pixels in (bundled_picture("street"), *(pixels for _, pixels in pictures)):
        assert pixels.dtype == np.uint8
        assert 200 < min(pixels.shape[:2]) <= max(pixels.shape[:2]) <= 640
        assert pixels.std() > 30


def test_every_bundled_file_is_credited_and_small():
    folder = files("topformer") / "pictures"
    names = {entry.name for entry in folder.iterdir()}
    pictures = (*images.BUNDLED, images.STREET)
    assert names == {"SOURCES.md", *(f"{name}.png" for name in pictures)}
    credit = (folder / "SOURCES.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in credit for name in names - {"SOURCES.md"})
    assert sum(len((folder / name).read_bytes()) for name in names) < 2_500_000
