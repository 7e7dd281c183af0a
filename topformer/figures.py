"""What all figures share: colours, captions, texts taken as they are, and PNGs as bytes."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from topformer.fonts import drawable, font_file, usual_font
from topformer.text import columns, well_formed

INK, FAINT, LINE, GRID = "#1F2937", "#6B7280", "#9CA3AF", "#E5E7EB"
GOOD, DOUBTFUL, WARNING, WARNING_SHADE = "#00795C", "#B45309", "#B91C1C", "#FEE2E2"
# Okabe and Ito's palette, told apart by the colour-blind too.
BLUE, ORANGE, GREEN, PINK, SKY, RED = SERIES = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"),
)

DPI = 130
# Width of a character as a share of the font's size, more than most of them take.
CHARACTER_WIDTH = 0.58
EDGE_IN, _MARGIN_IN = 0.25, 0.15
_TITLE_PT, _NOTE_PT = 15, 9.5
_TITLE_IN, _NOTE_IN = 0.42, 0.21


@dataclass(frozen=True, kw_only=True)
class Caption:
    """What is written over a figure: a title, notes below it, and a warning where one is due."""

    title: str
    notes: tuple[str, ...] = ()
    # In red; empty where there is nothing to warn of.
    warning: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines below the title, the warning last."""
        return (*self.notes, self.warning) if self.warning else self.notes

    @property
    def text(self) -> str:
        """All of it in one line, for the text chunk of a PNG."""
        return "; ".join((self.title, *self.lines))

    @property
    def height_in(self) -> float:
        """Height that it takes from the top of a figure, its edge included."""
        return EDGE_IN + _TITLE_IN + _NOTE_IN * len(self.lines)


def shorten(text: str, characters: int) -> str:
    """Write a text in one line of at most so many characters; wide ones count as two."""
    text = " ".join(text.split())
    if columns(text) <= characters:
        return text
    while text and columns(text) > characters - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def captioned_figure(
    caption: Caption, width_in: float, height_in: float, *, dpi: int = DPI
) -> Figure:
    """Make a figure with a caption, each line cut to its width, above a body of that height.

    matplotlib lays out the body, when it is encoded: labels and legends take what room they need.
    """
    whole_in = caption.height_in + height_in
    side, bottom = _MARGIN_IN / width_in, _MARGIN_IN / whole_in
    rect = (side, bottom, 1 - 2 * side, height_in / whole_in - bottom)
    layout = ConstrainedLayoutEngine(rect=rect)
    figure = Figure((width_in, whole_in), dpi=dpi, facecolor="white", layout=layout)
    top = EDGE_IN
    for text, size_pt, step_in, colour, weight in (
        (caption.title, _TITLE_PT, _TITLE_IN, INK, "bold"),
        *((note, _NOTE_PT, _NOTE_IN, FAINT, "normal") for note in caption.notes),
        (caption.warning, _NOTE_PT, 0, WARNING, "bold"),
    ):
        room = int((width_in - 2 * EDGE_IN) * 72 / size_pt / CHARACTER_WIDTH)
        figure.text(
            EDGE_IN / width_in,
            1 - top / whole_in,
            shorten(drawable(text), room),
            va="top",
            fontsize=size_pt,
            color=colour,
            weight=weight,
        )
        top += step_in
    return figure


def tidy(axes: Axes, *, grid: Literal["both", "x", "y"] = "both") -> None:
    """Leave of a frame only the lines that help to read values."""
    axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, colors=INK)


def make_drawable(figure: Figure) -> None:
    """Take every text of a figure as it is, and give those that need it a font with their letters.

    A dollar sign, as in the name of a class, starts no formula. Where no font has the letters,
    they are written as escapes.
    """
    for axes in figure.axes:
        # Ticks make their labels when they are asked for.
        axes.get_xticklabels()
        axes.get_yticklabels()
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        shown = drawable(text.get_text())
        text.set_text(shown)
        file = None if shown.isascii() else font_file(shown)
        if file is not None and file != usual_font():
            font = text.get_fontproperties().copy()
            font.set_file(file)
            text.set_fontproperties(font)


def encode_png(figure: Figure, *, description: str) -> bytes:
    """Draw a figure as a PNG that carries its description in a text chunk."""
    make_drawable(figure)
    stream = BytesIO()
    metadata = {"Description": well_formed(description), "Software": "topformer"}
    FigureCanvasAgg(figure).print_png(stream, metadata=metadata)
    return stream.getvalue()
