"""Pictures of scores: what they say in their text chunk, their sizes, and hard cases."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from topformer.classes import dataset_classes, numbered_classes, spread_palette
from topformer.data import IGNORED
from topformer.evaluation.confusion import scores_of
from topformer.evaluation.confusion_picture import draw_confusion
from topformer.evaluation.panels import PANEL_PX
from topformer.evaluation.scoring import SegmentedPicture
from topformer.evaluation.sheet import _describe, draw_sheet
from topformer.figures import Caption, shorten
from topformer.manifest import Classes

CAPTION = Caption(title="Set val: mIoU 0.5", notes=("protocol fixed: 64x64, stretched",))
RANDOM = Caption(title="Set val", notes=("protocol whole: long side 520",), warning="RANDOM")


def opened(png: bytes) -> Image.Image:
    image = Image.open(BytesIO(png))
    image.load()
    return image


def some_counts(classes: int):
    rng = np.random.default_rng(0)
    return rng.integers(0, 50, (classes, classes)) + 500 * np.eye(classes, dtype=int)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "classes", [1, 2, 11, 26, *(pytest.param(many, marks=pytest.mark.slow) for many in (150, 254))]
)
def test_a_confusion_matrix_of_any_size(classes):
    counts = some_counts(classes)
    names = [f"class {number}" for number in range(classes)]
    image = opened(draw_confusion(counts, scores_of(counts), names, RANDOM))
    assert image.text["Description"] == "Set val; protocol whole: long side 520; RANDOM"
    assert min(image.size) > 600
    assert max(image.size) < 6000
    assert len(image.getcolors(2**24)) > 20


def test_the_confusion_matrix_says_the_protocol():
    counts = some_counts(3)
    png = draw_confusion(counts, scores_of(counts), ("a", "b", "c"), CAPTION)
    assert "fixed: 64x64" in opened(png).text["Description"]


def test_hits_and_misses_have_their_own_colours():
    """Class 0 is always found, class 1 always taken for class 0."""
    counts = np.array([[9, 0], [9, 0]])
    image = opened(draw_confusion(counts, scores_of(counts), ("a", "b"), CAPTION)).convert("RGB")
    colours = {colour: share for share, colour in image.getcolors(2**24)}
    hit, miss = (0x00, 0x72, 0xB2), (0xC2, 0x41, 0x0C)
    assert colours[hit] > 10_000
    assert colours[miss] > 10_000


@pytest.mark.filterwarnings("error")
def test_names_are_taken_literally():
    # Between two dollar signs matplotlib would read a formula, and none of these is one.
    names = ("$a_{$", "two\nlines", "道路", "x" * 1000, "", "$\\alph$")
    counts = some_counts(len(names))
    caption = Caption(title="$\\bad{$", notes=("$^$" + "y" * 3000,), warning="$_$")
    draw_confusion(counts, scores_of(counts), names, caption)
    classes = Classes(dataset="-", names=names, palette=spread_palette(len(names)))
    draw_sheet([segmented((40, 60), 6)], classes, caption)


def test_nothing_to_show_in_a_matrix():
    counts = np.zeros((3, 3), np.int64)
    draw_confusion(counts, scores_of(counts), ("a", "b", "c"), CAPTION)


def segmented(size, classes, *, name="one.jpg", seed=0) -> SegmentedPicture:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, size, np.uint8)
    truth[: size[0] // 4] = IGNORED
    return SegmentedPicture(
        name=name,
        picture=rng.integers(0, 256, (*size, 3), np.uint8),
        truth=truth,
        predicted=rng.integers(0, classes, size),
    )


def test_a_picture_of_which_nothing_counts_has_no_score():
    one = replace(segmented((64, 64), 3), truth=np.full((64, 64), IGNORED, np.uint8))
    note, _ = _describe(one, numbered_classes(3))
    assert note == ""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_sheet_of_worst_pictures(count):
    classes = dataset_classes("camvid")
    shown = [segmented((96, 128), 11, seed=number) for number in range(count)]
    image = opened(draw_sheet(shown, classes, CAPTION))
    assert image.text["Description"] == CAPTION.text
    assert "fixed: 64x64" in image.text["Description"]
    columns, rows = min(2, count), (count + 1) // 2
    assert columns * 3 * PANEL_PX < image.width < columns * 3 * PANEL_PX + 200
    assert image.height > rows * PANEL_PX * 96 / 128


def test_panels_show_the_classes_colours():
    """A white picture of class 0, which is said to be class 1."""
    classes = Classes(dataset="-", names=("a", "b"), palette=((200, 0, 0), (0, 0, 200)))
    size = (60, 60)
    shown = SegmentedPicture(
        name="white",
        picture=np.full((*size, 3), 255, np.uint8),
        truth=np.zeros(size, np.uint8),
        predicted=np.ones(size, np.int64),
    )
    image = opened(draw_sheet([shown], classes, CAPTION)).convert("RGB")
    colours = {colour: share for share, colour in image.getcolors(2**24)}
    # A quarter white, three quarters the class's colour.
    assert colours[213, 63, 63] == PANEL_PX**2
    assert colours[63, 63, 213] == PANEL_PX**2


def test_the_legend_has_every_colour_of_the_prediction():
    """Class 0 is there; 1 is found in its place, and 2 where labels are ignored."""
    one = SegmentedPicture(
        name="one",
        picture=np.zeros((1, 4, 3), np.uint8),
        truth=np.array([[0, 0, IGNORED, IGNORED]], np.uint8),
        predicted=np.array([[0, 1, 2, 2]]),
    )
    classes = numbered_classes(4)
    _, legend = _describe(one, classes)
    assert [colour for colour, _ in legend] == [classes.palette[number] for number in (0, 2, 1)]
    assert [text for _, text in legend] == [
        f"{classes.names[0]} 0.50",
        f"{classes.names[2]}, not counted",
        f"{classes.names[1]}, not there",
    ]


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 3), (700, 500)])
def test_pictures_of_odd_shapes(size):
    draw_sheet([segmented(size, 150), segmented((50, 50), 150)], dataset_classes("ade20k"), CAPTION)


def test_shortened_texts_fit_and_keep_to_a_line():
    assert shorten("a  b\nc", 9) == "a b c"
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"
