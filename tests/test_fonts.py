"""Names in scripts for which a machine may have a font or not."""

from io import BytesIO

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from topformer import fonts
from topformer.drawing import overlay_image
from topformer.evaluation.confusion import scores_of
from topformer.evaluation.confusion_picture import draw_confusion
from topformer.evaluation.scoring import SegmentedPicture
from topformer.evaluation.sheet import draw_sheet
from topformer.figures import Caption, encode_png
from topformer.fonts import drawable, font_file, undrawable, usual_font
from topformer.manifest import Classes

ANY_TEXT = st.text(st.characters(codec=None), max_size=30)


def write_font(path, letters):
    """Make a font whose letters are full blocks."""
    pen = TTGlyphPen(None)
    for number, point in enumerate(((50, 0), (50, 750), (950, 750), (950, 0))):
        (pen.lineTo if number else pen.moveTo)(point)
    pen.closePath()
    block = pen.glyph()
    names = {letter: f"u{ord(letter):04X}" for letter in letters}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap({ord(letter): name for letter, name in names.items()})
    builder.setupGlyf(dict.fromkeys((".notdef", *names.values()), block))
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", *names.values()), (1000, 50)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Blocks", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture
def installed(monkeypatch):
    """Let the machine have these fonts and no others."""

    def install(*paths):
        font_file.cache_clear()
        monkeypatch.setattr(fonts, "_system_fonts", lambda: paths)

    install()
    yield install
    font_file.cache_clear()


@pytest.fixture
def chinese(tmp_path, installed):
    path = write_font(tmp_path / "blocks.ttf", "天地 .,0123456789%")
    damaged = tmp_path / "damaged.ttf"
    damaged.write_bytes(path.read_bytes()[:200])
    installed(damaged, tmp_path / "missing.ttf", path)
    return path


@pytest.mark.parametrize("text", ["wall", "café", "дорога", "δρόμος", "a → b…"])
def test_the_usual_font_comes_first(chinese, text):
    assert font_file(text) == usual_font()
    assert drawable(text) == text


def test_a_font_of_the_system_is_found_by_its_letters(chinese):
    assert font_file("天地") == chinese
    assert font_file("天山") is None
    assert undrawable(["天", "天山", "wall", ""]) == ["天山"]


def test_without_a_font_the_text_is_told_in_another_way(installed):
    assert drawable("天", otherwise="class 3") == "class 3"
    assert drawable("天1.png") == r"\u59291.png"
    assert drawable("\x1b[0m") == r"\x1b[0m"


def legend(name):
    """Draw a black picture with a legend of one class."""
    classes = Classes(dataset="test", names=(name,), palette=((0, 0, 0),))
    image = overlay_image(
        np.zeros((300, 400, 3), np.uint8), np.zeros((300, 400), np.int64), classes
    )
    return image.convert("L")


def test_the_legend_names_the_class_by_its_id_and_says_why(installed):
    without = legend("天")
    named = legend("class 0")
    # One line more, with the reason.
    assert without.getbbox()[3] > named.getbbox()[3]
    assert without == legend("山")


def test_the_legend_is_drawn_with_the_font_that_was_found(chinese):
    drawn = np.asarray(legend("天天天天"))
    # Blocks: far more is white than letters would leave.
    assert (drawn > 240).sum() > 300
    assert (np.asarray(legend("wall")) > 240).sum() < 200


NAMES = ("天", "$a^$", "дорога", "a [red] b")


@pytest.mark.filterwarnings("error")
def test_scores_are_drawn_without_boxes(installed):
    counts = np.eye(4, dtype=int) * 9
    caption = Caption(title="天 $x_$", notes=("caf\udce9 $$",), warning="$")
    png = draw_confusion(counts, scores_of(counts), NAMES, caption)
    with Image.open(BytesIO(png)) as image:
        assert image.text["Description"] == r"天 $x_$; caf\xe9 $$; $"
    named = draw_confusion(counts, scores_of(counts), ("class 0", *NAMES[1:]), caption)
    assert png == named


@pytest.mark.filterwarnings("error")
def test_sheets_are_drawn_without_boxes(installed):
    def sheet(names, file):
        labels = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64) % 4
        classes = Classes(dataset="t", names=names, palette=((0, 0, 0),) * 4)
        shown = SegmentedPicture(
            name=file, picture=np.zeros((64, 64, 3), np.uint8), truth=labels, predicted=labels
        )
        return draw_sheet([shown], classes, Caption(title="t", notes=()))

    assert sheet(NAMES, "天.png") == sheet(("class 0", *NAMES[1:]), r"\u5929.png")
    assert sheet(NAMES, "caf\udce9.png") == sheet(NAMES, r"caf\xe9.png")


@pytest.mark.filterwarnings("error")
def test_scores_are_drawn_with_the_font_that_was_found(chinese):
    counts = np.eye(2, dtype=int)
    caption = Caption(title="t", notes=())
    drawn = draw_confusion(counts, scores_of(counts), ("天", "wall"), caption)
    assert drawn != draw_confusion(counts, scores_of(counts), ("class 0", "wall"), caption)


@pytest.mark.filterwarnings("error")
@settings(max_examples=30, deadline=None)
@given(ANY_TEXT)
def test_any_text_in_a_figure_can_be_drawn(text):
    figure = Figure(figsize=(2, 2))
    axes = figure.add_subplot()
    axes.set_title(text)
    axes.set_yticks([0, 1], [drawable(text), "$a_{$"])
    assert encode_png(figure, description=text).startswith(b"\x89PNG")
