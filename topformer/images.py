"""Any picture file as RGB values, and the pictures that come with the package."""

import logging
import warnings
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, PngImagePlugin, TiffImagePlugin

from topformer.errors import TopformerError, UsageError
from topformer.files import open_regular
from topformer.signatures import CAMERA_RAW, LARGEST_FILE_BYTES, kind_of

# What a folder is searched for, and the only decoders that ever see a file: Pillow knows some more
# that run other programs (EPS) or have no place here.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
# Pictures that cannot be read. A folder's are refused by name: left out, nobody would miss them.
UNREADABLE_SUFFIXES = (".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2")
# What `predict` writes is no picture to predict on.
RESULT_SUFFIXES = (".labels.png", ".overlay.png")

# 80 million pixels are 240 MB as RGB; Pillow warns from 89 million.
LARGEST_PICTURE_PX = 80_000_000
# Its decoder holds four copies, with four bytes a pixel.
LARGEST_WEBP_PX = 32_000_000
# As JPEG has it. A resize makes the rows as long as the network's first, so a picture of a million
# rows would take gigabytes however few pixels it has.
LARGEST_SIDE_PX = 65_535
# What a network sees, and what is drawn, is read from larger ones at 1/2, 1/4 or 1/8.
LARGEST_WHOLE_PX = 4096 * 4096
# Rows converted at once, so that no form in between is as large as the picture.
_BAND_ROWS = 256

# Pillow logs what it also raises; without a handler Python would print that.
logging.getLogger("PIL").addHandler(logging.NullHandler())

# TIFF: pixels as a sensor has them, by their interpretation; tags of RAW files and previews.
_SENSOR_PIXELS = (32803, 34892)
_SUBFILE_TYPE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 330, 50706

# The scene with the most kinds of things comes first.
BUNDLED = ("china", "astronaut", "coffee", "chelsea")
BENCH_PICTURE = BUNDLED[0]
# To look at only: no proof, bench or calibration takes it, so that theirs stay comparable.
STREET = "street"


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture as RGB [H, W, 3].

    It is turned as its EXIF orientation says. Transparency is laid over white, 16 bits are scaled
    to 8, colour profiles are ignored, and of an animation the first frame counts. Raises
    `TopformerError` when the file is no picture, is damaged, or has more than 80 million pixels or
    65,535 along a side.
    """
    return read_turned(path)[0]


def read_turned(path: Path) -> tuple[NDArray[np.uint8], int]:
    """Read a picture as `read_picture` does, and the EXIF orientation that it was turned by.

    Orientations are 1 (as stored) to 8; 1 stands for none, too.
    """
    found = _decode(path, most_px=LARGEST_PICTURE_PX)
    return found.pixels, found.orientation


@dataclass(frozen=True, kw_only=True)
class DecodedPicture:
    """A picture as it was read: RGB [h, w, 3], upright."""

    pixels: NDArray[np.uint8]
    # Height and width of the whole picture, of which `pixels` may be a reduced form.
    size: tuple[int, int]
    # As `read_turned` tells it.
    orientation: int


def read_reduced(path: Path) -> DecodedPicture:
    """Read a picture as `read_picture` does, one of more than 16.8 million pixels at 1/2 or less.

    JPEG is decoded at that size; of others, squares of pixels are averaged.
    """
    return _decode(path, most_px=LARGEST_WHOLE_PX)


def _decode(path: Path, *, most_px: int) -> DecodedPicture:
    with decoding(
        path,
        FORMATS,
        unidentified=_unidentified,
        next_step="The file is probably damaged or cut short; get it again.",
    ) as image:
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            _refuse_preview(path, image)
        _scale_transparent_value(image)
        orientation = orientation_of(image)
        width, height = image.size
        factor = next(one for one in (1, 2, 4, 8) if width * height <= most_px * one**2)
        if factor > 1:
            # A hint that only JPEG's decoder takes.
            image.draft(None, (width // factor, height // factor))
        image.load()
        decoded_at = round(max(width, height) / max(image.size))
        if decoded_at == 1:
            # The TIFF decoder turns while it loads; the others leave that to us.
            width, height = image.size
        left = orientation_of(image)
        size = (width, height) if left >= 5 else (height, width)
        pixels = np.empty((*(-(-side // factor) for side in size), 3), np.uint8)
        _fill(path, image, factor // decoded_at, _AS_STORED[left](pixels))
    return DecodedPicture(pixels=pixels, size=size, orientation=orientation)


def _scale_transparent_value(image: Image.Image) -> None:
    """Bring a PNG's one value that stands for nothing to the 8 bits that its pixels are read with.

    Of 16 bits a channel Pillow keeps the upper ones, so what shares them goes with it.
    """
    value: Any = image.info.get("transparency")
    if not isinstance(image, PngImagePlugin.PngImageFile) or value is None or not image.tile:
        return
    stored_as = image.tile[0].args
    if stored_as == "RGB;16B":
        image.info["transparency"] = tuple(one >> 8 for one in value)
    elif stored_as in _LEVELS_8_BITS:
        image.info["transparency"] = value * _LEVELS_8_BITS[stored_as]


def _fill(path: Path, image: Image.Image, factor: int, pixels: NDArray[np.uint8]) -> None:
    """Convert a loaded picture to RGB [h, w, 3] band by band, reduced by a factor."""
    for top in range(0, image.height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, image.height)
        band = _to_rgb(path, image.crop((0, top, image.width, bottom)))
        band = band.reduce(factor) if factor > 1 else band
        pixels[top // factor : -(-bottom // factor)] = np.asarray(band)


# Between two levels of grey PNGs of 2 and 4 bits, by Pillow's names, when they are read. Of 1 bit
# Pillow brings the value to 8 bits itself.
_LEVELS_8_BITS = {"L;2": 85, "L;4": 17}

# By EXIF orientation: an upright picture [h, w, 3] seen as it is stored, without a copy.
_AS_STORED: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@contextmanager
def decoding(
    path: Path,
    formats: tuple[str, ...],
    *,
    called: str = "a picture",
    unidentified: Callable[[Path], TopformerError],
    next_step: str,
) -> Generator[ImageFile.ImageFile]:
    """Open a picture file of limited size, and make one error of whatever its decoder raises.

    `unidentified` says what a file of none of the formats is, `next_step` what helps a damaged one.
    """
    try:
        with (
            quiet_decoders(),
            open_regular(path, limit_bytes=LARGEST_FILE_BYTES, kind="picture") as stream,
            Image.open(stream, formats=formats) as image,
        ):
            # By its header, before its pixels take memory.
            most_px = LARGEST_WEBP_PX if image.format == "WEBP" else LARGEST_PICTURE_PX
            if image.width * image.height > most_px:
                raise _too_large(path, most_px)
            if max(image.size) > LARGEST_SIDE_PX:
                raise TopformerError(
                    f"{path} is too long.",
                    why=f"It has {image.width:,}x{image.height:,} pixels (width x height); the "
                    f"limit is {LARGEST_SIDE_PX:,} along a side.",
                    next_step="Cut it into parts, or scale it down.",
                )
            yield image
    except TopformerError:
        raise
    except FileNotFoundError:
        raise TopformerError(f"{path} does not exist.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path) from error
    except Image.UnidentifiedImageError as error:
        raise unidentified(path) from error
    except Exception as error:  # decoders of damaged files raise almost anything
        if isinstance(error, OSError) and error.strerror:  # the file itself, not what is in it
            raise TopformerError(f"{path} cannot be read.", why=f"{error.strerror}.") from error
        raise TopformerError(
            f"{path} cannot be read as {called}.",
            why=f"{error or type(error).__name__}.",
            next_step=next_step,
        ) from error


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation of an opened picture, 1 to 8; 1 where it has none or an impossible one."""
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return int(found) if found in range(1, 9) else 1


@contextmanager
def quiet_decoders() -> Generator[None]:
    """Silence Pillow, which warns of every oddity in a damaged file.

    The warning of its guard against huge pictures becomes an error. Threads that do this together
    need it around all of them as well, or the last one to leave keeps the silence.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """List the pictures that files and folders stand for, each once, in the order given.

    A file is taken as it is. Of a folder, but not of the folders inside it, come the files with a
    picture's suffix, sorted by name, without hidden ones and without results of `predict`; also
    such as `read_picture` refuses by their kind. Raises `UsageError` for a path that does not
    exist.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(
                f"{path} does not exist.", next_step="Name pictures, and folders of pictures."
            )
        for picture in sorted(filter(_is_picture, path.iterdir())) if path.is_dir() else [path]:
            found.setdefault(picture.resolve(), picture)
    return list(found.values())


def bundled_pictures() -> tuple[tuple[str, NDArray[np.uint8]], ...]:
    """Read the pictures inside the package that proofs are made with: (name, RGB [H, W, 3]).

    They are stored without loss, so their values are the same everywhere. `pictures/SOURCES.md`
    names their origin and licence.
    """
    return tuple((name, bundled_picture(name)) for name in BUNDLED)


def bundled_picture(name: str) -> NDArray[np.uint8]:
    """Read one picture inside the package: RGB [H, W, 3]."""
    with as_file(files("topformer") / "pictures" / f"{name}.png") as path:
        return read_picture(path)


@dataclass(frozen=True, kw_only=True)
class BenchPicture:
    """A picture to measure on: RGB [H, W, 3]."""

    name: str
    pixels: NDArray[np.uint8]


def bench_picture(height: int, width: int) -> BenchPicture:
    """Return the first bundled picture at another size.

    Real content, because the time after the network depends on it.
    """
    pixels = resize(bundled_picture(BENCH_PICTURE), height, width)
    return BenchPicture(name=BENCH_PICTURE, pixels=pixels)


def resize(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize RGB [H, W, 3] with Pillow's bilinear filter: [height, width, 3].

    It averages over all pixels when it shrinks, and rounds to whole levels after each direction:
    along the rows first. That is said here, in two steps, because Pillow 13 takes the columns first
    where that is less work, and versions before it never do: they differ by a grey level.
    """
    image = Image.fromarray(picture)
    for size in ((width, image.height), (width, height)):
        image = image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image)


def _is_picture(path: Path) -> bool:
    name = path.name.lower()
    return (
        name.endswith(SUFFIXES + UNREADABLE_SUFFIXES)
        and not name.endswith(RESULT_SUFFIXES)
        and not name.startswith(".")
        and path.is_file()
    )


def _too_large(path: Path, most_px: int = LARGEST_PICTURE_PX) -> TopformerError:
    return TopformerError(
        f"{path} has too many pixels.",
        why=f"At most {most_px:,} of such a file are read.",
        next_step="Scale it down first: the network sees it much smaller anyway.",
    )


def _unidentified(path: Path) -> TopformerError:
    """Say what a file is instead of a picture, and what helps for exactly that."""
    tiff = _unreadable_tiff(path)
    if tiff is not None:
        return tiff
    kind = kind_of(path)
    return TopformerError(
        f"{path} is not a picture that can be read.",
        why=f"It is {kind.name}."
        if kind
        else f"Its first bytes are no format's; readable are {', '.join(FORMATS)}.",
        next_step=kind.remedy if kind else "Save it as PNG or JPEG with the program that made it.",
    )


def _unreadable_tiff(path: Path) -> TopformerError | None:
    """Say what the pixels of a TIFF are; None for a file without a whole directory of tags."""
    tags = TiffImagePlugin
    try:
        with quiet_decoders(), open_regular(path, limit_bytes=LARGEST_FILE_BYTES) as stream:
            directory = tags.ImageFileDirectory_v2(stream.read(8))
            stream.seek(directory.next)
            directory.load(stream)
        bands = int(directory.get(tags.SAMPLESPERPIXEL, 1))
        bits = int(max(directory[tags.BITSPERSAMPLE]))
        floating = 3 in directory.get(tags.SAMPLEFORMAT, (1,))
        interpretation = directory[tags.PHOTOMETRIC_INTERPRETATION]
    except Exception:  # damaged files raise almost anything
        return None
    if interpretation in _SENSOR_PIXELS:
        return _camera_raw(path, "Its pixels are a sensor's, which must be developed first.")
    chosen = "-b 1 -b 2 -b 3" if bands >= 3 else "-b 1"
    return TopformerError(
        f"{path} is not a picture that can be read.",
        why=f"It is a TIFF of {bands} {'band' if bands == 1 else 'bands'}, {bits} "
        f"{'floating-point bits' if floating else 'bits'} each.",
        next_step="Write the bands that are to be seen as red, green and blue with 8 bits each, as "
        f"with `gdal_translate {chosen} -ot Byte -scale FILE picture.png`.",
    )


def _refuse_preview(path: Path, image: TiffImagePlugin.TiffImageFile) -> None:
    """Refuse a camera's RAW file: the first picture of those that are TIFFs is a small preview."""
    tags = image.tag_v2
    preview = tags.get(_SUBFILE_TYPE) == 1 and _SUB_DIRECTORIES in tags
    if preview or _DNG_VERSION in tags or kind_of(path) is CAMERA_RAW:
        raise _camera_raw(path, "What reads as a picture in it is a preview only.")


def _camera_raw(path: Path, why: str) -> TopformerError:
    return TopformerError(f"{path} is a camera's RAW file.", why=why, next_step=CAMERA_RAW.remedy)


def _to_rgb(path: Path, image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise TopformerError(
            f"{path} holds floating-point values.",
            why="Nothing in it says which value is white.",
            next_step="Convert it to 8 or 16 bits.",
        )
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow's own conversion clips instead of scaling.
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        # A PNG's one value that stands for nothing: as below, white shows through.
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            grey[grey == transparent] = 65535
        image = Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, colours)
    return image.convert("RGB")
