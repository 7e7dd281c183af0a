"""Files that are no pictures are told what they are, whatever their name."""

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from topformer.errors import TopformerError
from topformer.images import read_picture
from topformer.signatures import kind_of_bytes


def media(brand: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body + bytes(500)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.jpg", b"x")
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"))
    return stream.getvalue()


def array_file() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def saved(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(stream, kind)
    return stream.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
SVG = b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="x"></svg>'
# What a file is, the words it is named by, and words of the advice.
CASES = {
    "empty": (b"", "empty", "Get the file again"),
    "zeros": (bytes(5000), "zeros", "Get the file again"),
    "blank": (b" \n\n", "blank", "Get the file again"),
    "heic": (media(b"heic"), "HEIC", "heif-convert"),
    "heic, by the compatible brands": (media(b"mif1", b"mif1", b"heic"), "HEIC", "heif-convert"),
    "heif of another coding": (media(b"mif1", b"miaf"), "HEIF", "heif-convert"),
    "heic sequence": (media(b"msf1", b"hevc"), "HEIC", "heif-convert"),
    "avif": (media(b"avif", b"mif1", b"miaf"), "AVIF", "avifdec"),
    "avif, by the compatible brands": (media(b"mif1", b"avif", b"miaf"), "AVIF", "avifdec"),
    "real avif": (saved("AVIF"), "AVIF", "avifdec"),
    "jpeg xl": (b"\xff\x0a" + bytes(30), "JPEG XL", "djxl"),
    "jpeg xl, boxed": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(9), "JPEG XL", "djxl"),
    "jpeg 2000": (saved("JPEG2000"), "JPEG 2000", "opj_decompress"),
    "canon cr3": (media(b"crx "), "RAW", "darktable"),
    "fuji raf": (b"FUJIFILMCCD-RAW 0201", "RAW", "darktable"),
    "olympus orf": (b"IIRO\x08\0\0\0", "RAW", "darktable"),
    "panasonic rw2": (b"IIU\0\x18\0\0\0", "RAW", "darktable"),
    "mp4": (media(b"isom", b"mp41"), "video", "ffmpeg"),
    "mov": (media(b"qt  "), "video", "ffmpeg"),
    "old mov": (b"\0\0\4\0moov" + bytes(99), "video", "ffmpeg"),
    "avi": (b"RIFF\x99\0\0\0AVI LIST", "video", "ffmpeg"),
    "webm": (b"\x1a\x45\xdf\xa3" + bytes(20), "video", "ffmpeg"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF", "pdftoppm"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript", "Ghostscript"),
    "svg": (SVG, "SVG", "rsvg-convert"),
    "svg with a mark": (b"\xef\xbb\xbf" + SVG, "SVG", "rsvg-convert"),
    "html": (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page", "login"),
    "xml of an error": (b"<Error><Code>AccessDenied</Code></Error>", "web page", "login"),
    "text": (b"404: Not Found\n", "text, and begins with '404: Not Found'", "again"),
    "json": (b'{"message": "Bad credentials"}', "Bad credentials", "again"),
    "text of another script": (("\u5929\u7a7a\n" * 300).encode(), "\u5929\u7a7a", "again"),
    "utf-16": ("\ufeffhello".encode("utf-16-le"), "UTF-16", "again"),
    "git lfs": (LFS, "Git LFS", "git lfs pull"),
    "macos side file": (b"\x00\x05\x16\x07\x00\x02" + bytes(200), "macOS side file", "Delete"),
    "zip": (zipped(), "ZIP", "Unpack"),
    "gzip": (b"\x1f\x8b\x08\0" + bytes(20), "gzip", "Unpack"),
    "tar": (tarred(), "tar", "Unpack"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(20), "7-Zip", "Unpack"),
    "photoshop": (b"8BPS\0\1" + bytes(30), "Photoshop", "Export"),
    "icon": (saved("ICO"), "icon", "Export"),
    "numpy": (array_file(), "NumPy", "PNG"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(30), "HDF5", "PNG"),
    "dicom": (bytes(128) + b"DICM" + bytes(30), "DICOM", "PNG"),
    "exr": (b"\x76\x2f\x31\x01" + bytes(30), "OpenEXR", "Export"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refused_picture_is_told_what_it_is_and_what_helps(tmp_path, name):
    data, named, advice = CASES[name]
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(TopformerError) as caught:
        read_picture(path)
    error = caught.value
    assert error.what == f"{path} is not a picture that can be read."
    assert named in error.why
    assert advice in error.next_step
    assert len(str(error)) < 600


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("kept", [16, 24, 50])
def test_a_readable_picture_cut_short_is_called_so(tmp_path, kind, kept):
    path = tmp_path / "photo"
    path.write_bytes(saved(kind)[:kept])
    with pytest.raises(TopformerError) as caught:
        read_picture(path)
    assert "cut short" in f"{caught.value.why} {caught.value.next_step}"


def tiff(*, bands=1, bits=8, sample_format=1, interpretation=1, extra=(), mark=b"") -> bytes:
    """A TIFF of 4x3 pixels, all zero, with one directory."""
    pixels = bytes(4 * 3 * bands * bits // 8)
    tags = {
        256: (3, [4]), 257: (3, [3]), 258: (3, [bits] * bands), 259: (3, [1]),
        262: (3, [interpretation]), 277: (3, [bands]), 278: (3, [3]), 279: (4, [len(pixels)]),
        339: (3, [sample_format] * bands), **{tag: (4, [value]) for tag, value in extra},
    }  # fmt: skip
    start = 8 + len(mark)
    beyond = start + 2 + 12 * (len(tags) + 1) + 4
    entries, tail = [], b""
    for tag, (kind, values) in tags.items():
        packed = struct.pack(f"<{len(values)}{'HI'[kind - 3]}", *values)
        if len(packed) > 4:
            packed, tail = struct.pack("<I", beyond + len(tail)), tail + packed
        entries.append(struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0"))
    entries.append(struct.pack("<HHII", 273, 4, 1, beyond + len(tail)))
    head = b"II*\0" + struct.pack("<I", start) + mark + struct.pack("<H", len(entries))
    return head + b"".join(sorted(entries, key=lambda e: e[1::-1])) + bytes(4) + tail + pixels


@pytest.mark.parametrize(
    ("pixels", "named"),
    [
        ({"bands": 5, "bits": 16}, "5 bands, 16 bits each"),
        ({"bands": 2}, "2 bands, 8 bits each"),
        ({"bands": 4}, "4 bands, 8 bits each"),
        ({"bands": 13, "bits": 16}, "13 bands, 16 bits each"),
        ({"bands": 6, "interpretation": 2}, "6 bands, 8 bits each"),
        ({"bands": 3, "bits": 32, "sample_format": 3}, "3 bands, 32 floating-point bits each"),
        ({"bits": 64, "sample_format": 3}, "1 band, 64 floating-point bits each"),
    ],
)
def test_pixels_that_are_not_for_the_eye_are_counted(tmp_path, capfd, pixels, named):
    path = tmp_path / "field.tif"
    path.write_bytes(tiff(**pixels))
    with pytest.raises(TopformerError, match="not a picture that can be read") as caught:
        read_picture(path)
    assert named in caught.value.why
    assert "gdal_translate" in caught.value.next_step
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "made",
    [
        {"interpretation": 32803, "bits": 16},
        {"extra": [(254, 1), (330, 8)]},
        {"extra": [(50706, 0x0104)]},
        {"mark": b"CR\2\0" + bytes(4)},
    ],
    ids=["sensor's pixels", "NEF and ARW", "DNG", "CR2"],
)
def test_a_cameras_raw_file_is_not_taken_for_the_preview_in_it(tmp_path, made):
    path = tmp_path / "photo.tif"
    path.write_bytes(tiff(**made))
    with pytest.raises(TopformerError, match="RAW") as caught:
        read_picture(path)
    assert "darktable" in caught.value.next_step


def test_the_tiffs_of_these_tests_are_read_where_nothing_is_odd(tmp_path):
    path = tmp_path / "photo.tif"
    for made in ({}, {"bands": 3, "interpretation": 2}, {"extra": [(254, 1)]}):
        path.write_bytes(tiff(**made))
        assert read_picture(path).shape == (3, 4, 3)


def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path):
    with pytest.raises(TopformerError, match="is not a file") as caught:
        read_picture(tmp_path)
    assert "folder" in caught.value.why
    assert "damaged" not in str(caught.value)


@given(st.binary(max_size=3000))
def test_any_bytes_are_named_in_one_line_or_not_at_all(data):
    kind = kind_of_bytes(data)
    if kind is not None:
        assert kind.name.isprintable()
        assert len(kind.name) < 300
        assert kind.remedy


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_a_readable_picture_is_never_called_something_else(kind):
    found = kind_of_bytes(saved(kind))
    assert found is None or f"a {kind} by its first bytes" in found.name
