"""Under what conditions a row was measured: what each run began with, and whose build ran it."""

from typing import Annotated, Literal

import msgspec

from topformer.documents import Document, ShortText

# Of a picture before it is resized: more than any camera's.
LARGEST_SIDE_PX = 32768
PictureSide = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_SIDE_PX)]


class StartingPicture(Document, frozen=True, kw_only=True):
    """What lies in memory when the clock starts; the resize to the network's input is timed."""

    height: PictureSide
    width: PictureSide
    # "rgb": decoded pixels; "yuv": a camera's frame, the conversion of which is timed too.
    format: Literal["rgb", "yuv"] = "rgb"

    @property
    def text(self) -> str:
        """Height and width, and the format where it is no decoded picture."""
        size = f"{self.height}x{self.width}"
        return size if self.format == "rgb" else f"{size} {self.format}"


def told_or_input_size(
    told: StartingPicture | None, image_size: tuple[int, int]
) -> StartingPicture:
    """What a run began with: decoded pixels of the network's input size where nothing is told."""
    height, width = image_size
    return told or StartingPicture(height=height, width=width)


# Whose library computes: PyPI's package, a user's build by Android's NDK, a user's for another
# system, or the one inside the demo app.
BuildKind = Literal["pypi", "ndk", "source", "app"]
BUILD_TEXT: dict[BuildKind, str] = {
    "pypi": "PyPI's build",
    "ndk": "an NDK build",
    "source": "a build from source",
    "app": "the app's library",
}


class Build(Document, frozen=True, kw_only=True):
    """The build behind a row: another compiler or C library is another program."""

    kind: BuildKind
    # As in "glibc" or "bionic"; null where it is not told.
    c_library: ShortText | None = None
    # Of the program around the library: of preprocess and postprocess. Null for Python and the app.
    compiler: ShortText | None = None

    @property
    def text(self) -> str:
        """Whose it is, and its C library where that is told."""
        return BUILD_TEXT[self.kind] + (f" ({self.c_library})" if self.c_library else "")
