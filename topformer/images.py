"""Any picture file as RGB values, and the pictures that come with the package."""

import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from topformer.errors import TopformerError, UsageError
from topformer.files import open_regular

# What a folder is searched for, and the only decoders that ever see a file: Pillow knows some more
# that run other programs (EPS) or have no place here.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
# What `predict` writes is no picture to predict on.
RESULT_SUFFIXES = (".labels.png", ".overlay.png")

# 80 million pixels are 240 MB as RGB; Pillow warns from 89 million.
LARGEST_PICTURE_PX = 80_000_000

# The scene with the most kinds of things comes first.
BUNDLED = ("china", "astronaut", "coffee", "chelsea")


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture as RGB [H, W, 3].

    It is turned as its EXIF orientation says. Transparency is laid over white, 16 bits are scaled
    to 8, colour profiles are ignored, and of an animation the first frame counts. Raises
    `TopformerError` when the file is no picture, is damaged, or has more than 80 million pixels.
    """
    try:
        with (
            quiet_decoders(),
            open_regular(path, kind="picture") as stream,
            Image.open(stream, formats=FORMATS) as image,
        ):
            _check_size(path, image)
            # First, because the TIFF decoder turns while it loads; the others leave it to us.
            image.load()
            upright = ImageOps.exif_transpose(image)
            return np.array(_to_rgb(upright))
    except TopformerError:
        raise
    except FileNotFoundError:
        raise TopformerError(f"{path} does not exist.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path) from error
    except Image.UnidentifiedImageError as error:
        raise TopformerError(
            f"{path} is not a picture that can be read.",
            why=f"Readable formats are {', '.join(FORMATS)}.",
            next_step="Convert it to PNG or JPEG.",
        ) from error
    except Exception as error:  # decoders of damaged files raise almost anything
        raise TopformerError(
            f"{path} cannot be read as a picture.",
            why=f"{error or type(error).__name__}.",
            next_step="The file is probably damaged or cut short; get it again.",
        ) from error


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
    picture's suffix, sorted by name, without hidden ones and without results of `predict`. Raises
    `UsageError` for a path that does not exist.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist.")
        for picture in sorted(filter(_is_picture, path.iterdir())) if path.is_dir() else [path]:
            found.setdefault(picture.resolve(), picture)
    return list(found.values())


def bundled_pictures() -> tuple[tuple[str, NDArray[np.uint8]], ...]:
    """Read the pictures inside the package: (name, RGB [H, W, 3]).

    They are stored without loss, so their values are the same everywhere. `pictures/SOURCES.md`
    names their origin and licence.
    """
    folder = files("topformer") / "pictures"
    pictures: list[tuple[str, NDArray[np.uint8]]] = []
    for name in BUNDLED:
        with as_file(folder / f"{name}.png") as path:
            pictures.append((name, read_picture(path)))
    return tuple(pictures)


def _is_picture(path: Path) -> bool:
    name = path.name.lower()
    return (
        name.endswith(SUFFIXES)
        and not name.endswith(RESULT_SUFFIXES)
        and not name.startswith(".")
        and path.is_file()
    )


def _check_size(path: Path, image: Image.Image) -> None:
    """Refuse a large picture by its header, before its pixels take memory."""
    if image.width * image.height > LARGEST_PICTURE_PX:
        raise _too_large(path)


def _too_large(path: Path) -> TopformerError:
    return TopformerError(
        f"{path} has too many pixels.",
        why=f"At most {LARGEST_PICTURE_PX:,} are read.",
        next_step="Scale it down first: the network sees it much smaller anyway.",
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise TopformerError(
            "The picture holds floating-point values.",
            why="Nothing in it says which value is white.",
            next_step="Convert it to 8 or 16 bits.",
        )
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow's own conversion clips instead of scaling.
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, colours)
    return image.convert("RGB")
