"""Figures without a screen: texts taken as they are, titles that fit, and PNGs as bytes."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from topformer.evaluation.caption import Caption, shorten

INK, FAINT, WARNING = "#1F2937", "#6B7280", "#B91C1C"
# Width of a character as a share of the font's size, more than most of them take.
CHARACTER_WIDTH = 0.58
EDGE_IN = 0.25
TITLE_PT, NOTE_PT = 15, 9.5
_TITLE_IN, _NOTE_IN = 0.42, 0.21


def caption_height_in(caption: Caption) -> float:
    """Height that `write_caption` takes from the top of a figure, its edge included."""
    return EDGE_IN + _TITLE_IN + _NOTE_IN * len(caption.lines)


def write_caption(figure: Figure, caption: Caption) -> None:
    """Write title, notes and warning into the upper left corner, each cut to the figure's width."""
    _write_line(figure, caption.title, EDGE_IN, TITLE_PT, color=INK, weight="bold")
    top = EDGE_IN + _TITLE_IN
    for note in caption.notes:
        _write_line(figure, note, top, NOTE_PT, color=FAINT)
        top += _NOTE_IN
    _write_line(figure, caption.warning, top, NOTE_PT, color=WARNING, weight="bold")


def _write_line(
    figure: Figure, text: str, top_in: float, font_pt: float, *, color: str, weight: str = "normal"
) -> None:
    width_in, height_in = figure.get_size_inches()
    room = (width_in - 2 * EDGE_IN) * 72 / font_pt / CHARACTER_WIDTH
    written = figure.text(
        EDGE_IN / width_in,
        1 - top_in / height_in,
        shorten(text, int(room)),
        va="top",
        fontsize=font_pt,
        color=color,
        weight=weight,
    )
    take_literally(written)


def take_literally(text: Text) -> Text:
    """Keep a dollar sign, as in the name of a class, from starting a formula."""
    text.set_parse_math(False)
    return text


def encode_png(figure: Figure, *, description: str) -> bytes:
    """Draw a figure as a PNG that carries its description in a text chunk."""
    stream = BytesIO()
    with warnings_of_glyphs_ignored():
        metadata = {"Description": description, "Software": "topformer"}
        FigureCanvasAgg(figure).print_png(stream, metadata=metadata)
    return stream.getvalue()


@contextmanager
def warnings_of_glyphs_ignored() -> Generator[None]:
    """Let scripts that the font lacks become boxes, as they would in any plot, without a word."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
