import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from topformer import drawing
from topformer.classes import spread_palette
from topformer.drawing import (
    CLASS_OPACITY,
    found_classes,
    label_image,
    overlay_image,
    percent,
    save_pngs,
)
from topformer.errors import TopformerError
from topformer.manifest import Classes


def classes(count: int, *, name: str = "class") -> Classes:
    return Classes(
        dataset="test",
        names=tuple(f"{name} {number}" for number in range(count)),
        palette=spread_palette(count),
    )


def stripes(height: int, width: int, count: int) -> np.ndarray:
    """Labels in `count` columns of equal width."""
    return np.broadcast_to(np.arange(width) * count // width, (height, width)).astype(np.int64)


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 100, np.uint8)


def test_found_classes_are_sorted_by_share():
    labels = np.array([[3, 3, 1, 1], [3, 3, 3, 0]])
    found = found_classes(labels, classes(5))
    assert [(one.id, one.share) for one in found] == [(3, 5 / 8), (1, 2 / 8), (0, 1 / 8)]
    assert found[0].name == "class 3"
    assert found[0].colour == spread_palette(5)[3]


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0.0 %"), (0.0001, "<0.1 %"), (0.25, "25.0 %"), (1, "100.0 %")]
)
def test_percent(share, text):
    assert percent(share) == text


def test_label_image_keeps_ids_and_carries_the_palette():
    labels = np.array([[0, 1], [149, 7]])
    image = label_image(labels, classes(150))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    read = Image.open(stream)
    assert read.mode == "P"
    assert np.asarray(read).tolist() == labels.tolist()
    assert np.asarray(read.convert("RGB"))[1, 0].tolist() == list(spread_palette(150)[149])


def test_label_image_of_many_classes_has_16_bits():
    labels = np.array([[0, 255], [256, 299]])
    stream = io.BytesIO()
    label_image(labels, classes(300)).save(stream, "PNG")
    read = Image.open(stream)
    assert read.mode == "I;16"
    assert np.asarray(read).tolist() == labels.tolist()
    assert label_image(labels % 256, classes(256)).mode == "P"


def test_overlay_mixes_picture_and_class_colour():
    labels = np.full((300, 400), 2)
    overlay = np.asarray(overlay_image(grey(300, 400), labels, classes(4)))
    assert overlay.shape == (300, 400, 3)
    expected = [100 + CLASS_OPACITY * (colour - 100) for colour in spread_palette(4)[2]]
    # The far corner is free of the legend.
    assert np.abs(overlay[-1, -1] - np.array(expected)).max() <= 1


def test_overlay_traces_borders_between_classes():
    overlay = np.asarray(overlay_image(grey(300, 400), stripes(300, 400, 2), classes(2)))
    assert overlay[-1, 200].min() > overlay[-1, 190].max()


def legend_area(height: int, width: int, count: int) -> tuple[int, int]:
    """Height and width of what a legend changes in a picture of `count` classes."""
    labels = stripes(height, width, count)
    found = found_classes(labels, classes(count))
    image = Image.fromarray(grey(height, width))
    font = drawing.label_font(max(min(height, width) / 26, 9))
    drawing._draw_legend(image, found, font, height)
    rows, columns = np.nonzero((np.asarray(image) != 100).any(2))
    return (int(rows.max()), int(columns.max())) if rows.size else (0, 0)


def test_legend_grows_with_the_classes_up_to_a_limit():
    heights = [legend_area(400, 600, count)[0] for count in (1, 2, 9, 10, 11, 60)]
    assert 0 < heights[0] < heights[1] < heights[2] < heights[3] == heights[4] == heights[5]
    assert heights[-1] < 320


def test_a_small_picture_has_a_short_legend_or_none():
    full, short = legend_area(400, 400, 9), legend_area(100, 400, 9)
    assert 0 < short[0] < min(full[0], 100)
    assert legend_area(100, 100, 9) == (0, 0)
    assert legend_area(30, 600, 9) == (0, 0)
    assert legend_area(600, 30, 9) == (0, 0)


def test_short_names_are_not_cut_to_dots():
    image = Image.fromarray(grey(300, 70))
    found = found_classes(stripes(300, 70, 2), classes(2, name=""))
    drawing._draw_legend(image, found, drawing.label_font(9), 300)
    assert (np.asarray(image) == 100).all()


def test_rows_that_do_not_fit_are_summed_up():
    found = found_classes(stripes(10, 100, 20), classes(20))
    rows = drawing._legend_rows(found, 4)
    assert [row.name for row in rows] == ["class 0", "class 1", "class 2", "17 more"]
    assert rows[-1].share == "85.0 %"
    assert len(drawing._legend_rows(found, 20)) == 20


def test_note_is_drawn_below_and_shrinks_to_fit():
    labels = np.zeros((300, 400), np.int64)
    plain = np.asarray(overlay_image(grey(300, 400), labels, classes(1)))
    noted = np.asarray(overlay_image(grey(300, 400), labels, classes(1), note="random weights"))
    changed = np.nonzero((plain != noted).any(2))[0]
    assert changed.min() > 250
    assert changed.max() == 299
    # Two-thirds red: the strip, not the picture.
    assert noted[-1, 5].tolist()[0] > 150 > noted[-1, 5].tolist()[1]


@settings(max_examples=120, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    name=st.text(max_size=30),
    note=st.text(max_size=60),
    count=st.integers(1, 30),
)
def test_any_size_and_any_text(height, width, name, note, count):
    labels = stripes(height, width, count)
    overlay = overlay_image(grey(height, width), labels, classes(count, name=name), note=note)
    assert overlay.size == (width, height)
    assert overlay.mode == "RGB"


def test_long_names_are_cut_within_the_panel():
    font = drawing.label_font(20)
    cut = drawing.shorten("an extraordinarily long class name " * 30, 150, font)
    assert cut.endswith("...")
    assert 100 < font.getlength(cut) <= 150
    assert drawing.shorten("wall", 150, font) == "wall"


def test_png_says_how_it_was_made(tmp_path):
    path = tmp_path / "new" / "a.png"
    save_pngs({path: Image.new("L", (3, 2))}, description="TopFormer tiny, Zürich")
    read = Image.open(path)
    assert read.format == "PNG"
    assert read.text["Description"] == "TopFormer tiny, Zürich"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.png"]


def test_png_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TopformerError, match="cannot be written"):
        save_pngs({tmp_path / "file" / "a.png": Image.new("L", (3, 2))}, description="")
