"""Plots as numbers: marks where their values are, labels where they can be read."""

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.verbs.report.charts import CHARACTER_PX, FONT_PX, Axis, Mark, curves, scatter

COST = Axis(title="ms", start=0.0, least_span=0.1)
ACCURACY = Axis(title="mIoU, %", start=None, least_span=1.0)


def mark(x, y, *, ship=True, label="file", interval=None):
    return Mark(label=label, title=label, x=x, y=y, interval=interval, colour=0, shape=0, ship=ship)


def wide(marks, *, more_is_better=True):
    return scatter(marks, COST, ACCURACY, more_is_better=more_is_better)[0]


def corners(path):
    return [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", path)]


def test_marks_lie_where_the_axes_say():
    chart = wide([mark(4.0, 60.0), mark(8.0, 70.0)])
    ticks = {float(tick.text): tick.px for tick in chart.x_ticks}
    assert [one.x for one in chart.marks] == [ticks[4.0], ticks[8.0]]
    ticks = {float(tick.text): tick.px for tick in chart.y_ticks}
    assert [one.y for one in chart.marks] == [ticks[60.0], ticks[70.0]]
    # Costs begin at nothing, so that twice as far is twice as slow; more accurate is higher.
    assert chart.x_ticks[0].text == "0"
    assert chart.x_ticks[0].px == chart.left
    assert chart.marks[0].y > chart.marks[1].y


def test_small_differences_of_accuracy_do_not_fill_the_plot():
    chart = wide([mark(4.0, 67.65), mark(5.0, 67.52)])
    height = chart.bottom - chart.top
    assert abs(chart.marks[0].y - chart.marks[1].y) < 0.15 * height


def test_the_frontier_goes_in_steps_through_what_is_to_be_shipped():
    files = [mark(8, 70), mark(4, 60), mark(6, 59), mark(5, 65, ship=False)]
    chart = wide(files)
    best, cheap = chart.marks[0], chart.marks[1]
    assert corners(chart.frontier) == [
        (cheap.x, chart.bottom),
        (cheap.x, chart.bottom),
        (cheap.x, cheap.y),
        (best.x, cheap.y),
        (best.x, best.y),
        (chart.right, best.y),
    ]
    assert chart.beaten.startswith(chart.frontier)


def test_where_less_is_better_the_frontier_comes_from_above():
    chart = wide([mark(4, 5.5), mark(6, 1.6)], more_is_better=False)
    assert corners(chart.frontier)[0] == (chart.marks[0].x, chart.top)
    assert corners(chart.frontier)[-1] == (chart.right, chart.marks[1].y)


def test_without_a_file_to_ship_there_is_no_frontier():
    chart = wide([mark(4, 60, ship=False)])
    assert (chart.frontier, chart.beaten) == ("", "")


def test_a_curve_is_named_by_sizes_and_goes_through_its_marks():
    sizes = Axis(title="pixels", start=None, least_span=10)
    chart = curves([[mark(384, 65), mark(448, 67), mark(512, 68)]], sizes, ACCURACY)[0]
    assert [tick.text for tick in chart.x_ticks] == ["384", "448", "512"]
    assert chart.lines[0].points == " ".join(f"{one.x},{one.y}" for one in chart.marks)


def box(placed):
    width = len(placed.label) * CHARACTER_PX
    left = placed.label_x - {"start": 0, "middle": width / 2, "end": width}[placed.anchor]
    return left, placed.label_y - FONT_PX * 0.85, left + width, placed.label_y + FONT_PX * 0.15


MARKS = st.lists(
    st.builds(
        mark,
        st.floats(0.5, 30),
        st.floats(40, 80),
        ship=st.booleans(),
        label=st.text("abc 123", min_size=1, max_size=20),
        interval=st.none() | st.just((0.4, 31.0)),
    ),
    min_size=1,
    max_size=20,
)


@given(MARKS)
def test_labels_cover_neither_each_other_nor_marks_and_stay_inside(marks):
    for chart in scatter(marks, COST, ACCURACY, more_is_better=True):
        labelled = [box(one) for one in chart.marks if one.label.strip()]
        for one, other in combinations(labelled, 2):
            apart = one[2] <= other[0] or other[2] <= one[0]
            assert apart or one[3] <= other[1] + 0.2 or other[3] <= one[1] + 0.2
        for left, top, right, bottom in labelled:
            assert chart.left - 0.2 <= left <= right <= chart.right + 0.2
            for placed in chart.marks:
                assert not (left < placed.x < right and top < placed.y < bottom)
        for placed in chart.marks:
            assert chart.left <= placed.x <= chart.right
            assert chart.top <= placed.y <= chart.bottom


@pytest.mark.parametrize("high", [0.003, 0.7, 9.0, 480.0, 72_000.0])
def test_ticks_are_few_and_round(high):
    for chart in scatter([mark(high / 2, 60), mark(high, 61)], COST, ACCURACY, more_is_better=True):
        texts = [tick.text for tick in chart.x_ticks]
        assert 2 <= len(texts) <= 9
        assert len(set(texts)) == len(texts)
        assert all(float(text.replace(",", "")) >= 0 for text in texts)
