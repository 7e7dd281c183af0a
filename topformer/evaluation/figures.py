"""Figures without a screen: texts taken as they are, titles that fit, and PNGs as bytes."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

from topformer.evaluation.caption import Caption, shorten
from topformer.fonts import drawable, font_file, usual_font
from topformer.text import well_formed

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
    figure.text(
        EDGE_IN / width_in,
        1 - top_in / height_in,
        shorten(drawable(text), int(room)),
        va="top",
        fontsize=font_pt,
        color=color,
        weight=weight,
    )


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
        text.set_fontproperties(with_letters(text.get_fontproperties(), shown))


def with_letters(font: FontProperties, text: str) -> FontProperties:
    """Return the font, or another of its size where it lacks letters of the text."""
    file = None if text.isascii() else font_file(text)
    if file is None or file == usual_font():
        return font
    other = font.copy()
    other.set_file(file)
    return other


def encode_png(figure: Figure, *, description: str) -> bytes:
    """Draw a figure as a PNG that carries its description in a text chunk."""
    make_drawable(figure)
    stream = BytesIO()
    metadata = {"Description": well_formed(description), "Software": "topformer"}
    FigureCanvasAgg(figure).print_png(stream, metadata=metadata)
    return stream.getvalue()
