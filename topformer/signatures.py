"""What a file is by its first bytes, where it is not what was asked for, and what helps then.

Names and suffixes can be wrong; only the content counts. Nothing here decodes anything.
"""

from dataclasses import dataclass
from pathlib import Path

from topformer.files import open_regular

# No picture that is read has more; a decoder may take as much for one part of a file.
LARGEST_FILE_BYTES = 2**29
# Tar keeps its mark farthest in, at 257.
HEAD_BYTES = 1024
_TAR_MARK = 257
_DICOM_MARK = 128


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file: its name with an article, and what turns one into a picture."""

    name: str
    remedy: str


_AGAIN = "Get the file again."
_PULL = "Run `git lfs pull` in the repository it comes from."
_EXPORT = "Export it as PNG or JPEG from the program that made it."
_FRAMES = "Take single pictures out of it: `ffmpeg -i FILE frame-%05d.png`."
_UNPACK = "Unpack it and name the pictures inside."
_RENDER = "Render it to PNG, as with `pdftoppm -png -r 150 FILE page`."
_SCIENCE = "Write its values as a PNG of 8 or 16 bits with the tool that made it."

_HEIC = Kind(
    name="a HEIC/HEIF picture, as phones take them",
    remedy="Convert it with `heif-convert FILE photo.jpg`, or let the phone take JPEG (iPhone: "
    "Settings, Camera, Formats, Most Compatible).",
)
_AVIF = Kind(name="an AVIF picture", remedy="Convert it with `avifdec FILE picture.png`.")
_JXL = Kind(name="a JPEG XL picture", remedy="Convert it with `djxl FILE picture.png`.")
_JPEG_2000 = Kind(
    name="a JPEG 2000 picture", remedy="Convert it with `opj_decompress -i FILE -o picture.png`."
)
CAMERA_RAW = Kind(
    name="a camera's RAW file",
    remedy="Develop it to JPEG or PNG, as with darktable, or take the JPEG the camera made.",
)
_VIDEO = Kind(name="a video", remedy=_FRAMES)
_SVG = Kind(
    name="an SVG drawing", remedy="Render it to PNG, as with `rsvg-convert FILE -o picture.png`."
)
_PAGE = Kind(
    name="a web page or another document of tags, not the picture it should lead to",
    remedy="Downloads end so when a login or a page of errors is in between. " + _AGAIN,
)

# By the bytes a file begins with; the first that fits counts.
_BEGINNINGS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\x0a", _JXL),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", _JXL),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", _JPEG_2000),
    (b"\xff\x4f\xff\x51", _JPEG_2000),
    (b"II*\x00\x10\x00\x00\x00CR", CAMERA_RAW),
    (b"FUJIFILMCCD-RAW", CAMERA_RAW),
    (b"IIRO", CAMERA_RAW),
    (b"IIRS", CAMERA_RAW),
    (b"MMOR", CAMERA_RAW),
    (b"IIU\x00", CAMERA_RAW),
    (b"FOVb", CAMERA_RAW),
    (b"\x00MRM", CAMERA_RAW),
    (b"II\xbc", Kind(name="a JPEG XR picture", remedy=_EXPORT)),
    (b"%PDF-", Kind(name="a PDF document", remedy=_RENDER)),
    (b"%!PS", Kind(name="a PostScript document", remedy="Render it to PNG with Ghostscript.")),
    (b"\xc5\xd0\xd3\xc6", Kind(name="a PostScript document", remedy=_EXPORT)),
    (b"8BPS", Kind(name="a Photoshop document", remedy=_EXPORT)),
    (b"8BPB", Kind(name="a Photoshop document", remedy=_EXPORT)),
    (b"gimp xcf", Kind(name="a GIMP document", remedy=_EXPORT)),
    (b"\x76\x2f\x31\x01", Kind(name="an OpenEXR picture", remedy=_EXPORT)),
    (b"#?RADIANCE", Kind(name="a Radiance HDR picture", remedy=_EXPORT)),
    (b"DDS ", Kind(name="a DDS texture", remedy=_EXPORT)),
    (b"qoif", Kind(name="a QOI picture", remedy=_EXPORT)),
    (b"\x00\x00\x01\x00", Kind(name="an icon (ICO)", remedy=_EXPORT)),
    (b"\x00\x05\x16\x07", Kind(
        name="a macOS side file (its name begins with ._), which holds no pixels",
        remedy="Delete it; the picture is the file without ._ before its name.",
    )),
    (b"\x1a\x45\xdf\xa3", _VIDEO),
    (b"FLV\x01", _VIDEO),
    (b"\x00\x00\x01\xba", _VIDEO),
    (b"\x00\x00\x01\xb3", _VIDEO),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _VIDEO),
    (b"PK\x03\x04", Kind(name="a ZIP archive or an office document", remedy=_UNPACK)),
    (b"PK\x05\x06", Kind(name="an empty ZIP archive", remedy=_AGAIN)),
    (b"\x1f\x8b", Kind(name="a gzip archive", remedy=_UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Kind(name="a 7-Zip archive", remedy=_UNPACK)),
    (b"Rar!\x1a\x07", Kind(name="a RAR archive", remedy=_UNPACK)),
    (b"\xfd7zXZ\x00", Kind(name="an xz archive", remedy=_UNPACK)),
    (b"BZh", Kind(name="a bzip2 archive", remedy=_UNPACK)),
    (b"\x28\xb5\x2f\xfd", Kind(name="a Zstandard archive", remedy=_UNPACK)),
    (b"\x93NUMPY", Kind(name="a NumPy array", remedy=_SCIENCE)),
    (b"\x89HDF\r\n\x1a\n", Kind(name="an HDF5 file", remedy=_SCIENCE)),
    (b"MATLAB 5.0", Kind(name="a MATLAB file", remedy=_SCIENCE)),
    (b"SIMPLE  =", Kind(name="a FITS file", remedy=_SCIENCE)),
    (b"version https://git-lfs", Kind(
        name="a Git LFS pointer, not the picture it stands for", remedy=_PULL
    )),
)  # fmt: skip

# ISO media files name their kind in brands behind "ftyp".
_BRANDS: tuple[tuple[tuple[bytes, ...], Kind], ...] = (
    ((b"avif", b"avis"), _AVIF),
    ((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"), _HEIC),
    ((b"crx ",), CAMERA_RAW),
    ((b"jxl ",), _JXL),
    ((b"mif1", b"msf1", b"mif2", b"miaf"), _HEIC),
)

# Readable formats, by the beginnings that a file cut short still has.
_READABLE: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
)


def kind_of(path: Path) -> Kind | None:
    """Name what a file is; None where its first bytes say nothing. Never a readable picture."""
    with open_regular(path, limit_bytes=LARGEST_FILE_BYTES, kind="picture") as stream:
        head = stream.read(HEAD_BYTES)
    return kind_of_bytes(head)


def kind_of_bytes(head: bytes) -> Kind | None:
    """Name what begins with `head`, of which the first `HEAD_BYTES` are looked at."""
    head = head[:HEAD_BYTES]
    if not head:
        return Kind(
            name="empty: it has 0 bytes",
            remedy="A copy or a download was broken off, or the disk was full. " + _AGAIN,
        )
    if not any(head):
        return Kind(
            name="nothing but zeros" + ("" if len(head) < HEAD_BYTES else " where it begins"),
            remedy="A copy, a download or a disk failed. " + _AGAIN,
        )
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    return _media(head) or _marked(head) or _text(head) or _cut_short(head)


def _media(head: bytes) -> Kind | None:
    """ISO media (HEIC, AVIF, MP4, MOV) and RIFF."""
    if head[:4] == b"RIFF":
        if head[8:12] == b"WEBP":
            return _damaged("WEBP")
        return _VIDEO if head[8:12] == b"AVI " else None
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return _VIDEO
    if head[4:8] != b"ftyp":
        return None
    end = min(len(head), max(16, int.from_bytes(head[:4], "big")))
    brands = {head[place : place + 4] for place in (8, *range(16, end, 4))}
    return next((kind for known, kind in _BRANDS if brands.intersection(known)), _VIDEO)


def _marked(head: bytes) -> Kind | None:
    """Kinds whose mark does not stand first."""
    if head[_TAR_MARK : _TAR_MARK + 5] == b"ustar":
        return Kind(name="a tar archive", remedy=_UNPACK)
    if head[_DICOM_MARK : _DICOM_MARK + 4] == b"DICM":
        return Kind(name="a DICOM file", remedy=_SCIENCE)
    return None


def _text(head: bytes) -> Kind | None:
    """Drawings, pages, and whatever else is text."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Kind(name="text (UTF-16)", remedy=_AGAIN)
    # The last character may be cut off.
    text = head.decode("utf-8", errors="ignore").lstrip("\ufeff").strip()
    if len(text.encode()) < 0.9 * len(head.strip()) or any(
        ord(one) < ord(" ") and one not in "\t\r\n\f" for one in text
    ):
        return None
    if text.startswith("<"):
        return _SVG if "<svg" in text.lower() else _PAGE
    if text[:2] in ("P1", "P2", "P3"):  # the PPM family as text
        return None
    shown = " ".join(text.split())[:60]
    return Kind(name=f"text, and begins with {shown!r}" if shown else "blank", remedy=_AGAIN)


def _cut_short(head: bytes) -> Kind | None:
    found = next((name for beginning, name in _READABLE if head.startswith(beginning)), None)
    return _damaged(found) if found else None


def _damaged(name: str) -> Kind:
    return Kind(
        name=f"a {name} by its first bytes, but cut short, damaged or of a rare kind",
        remedy="Get it again; where it opens elsewhere, save it anew as PNG.",
    )
