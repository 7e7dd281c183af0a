from io import BytesIO
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from PIL import Image

from support.bench_fakes import scripted_bench
from topformer.benchmarks.documents.bench import StateSample
from topformer.benchmarks.report import plot
from topformer.benchmarks.report.plot import draw
from topformer.benchmarks.report.timeline import (
    CAP,
    CLOCK,
    TimelineRow,
    draw_timeline,
    timeline_rows,
)
from topformer.figures import Caption

# The shade over throttled time.
HOT = (0xFE, 0xE2, 0xE2)
ROW = TimelineRow(name="row", starts_s=(0.0, 100.0, 200.0), medians_ms=(10.0, 10.0, 14.0))


def picture_of(states=(), row=ROW, frequency=CLOCK):
    caption = Caption(title="heading", notes=("one", "two"))
    data = draw_timeline([row], states, caption, frequency=frequency)
    with Image.open(BytesIO(data)) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def shaded_share(pixels):
    """Share of the width that is shaded, of the panels' 1310 or so pixels."""
    columns = (pixels == HOT).all(axis=2).sum(axis=0) > 100
    return columns.sum() / 1310


def states_of(**series):
    length = len(next(iter(series.values())))
    return [
        StateSample(at_s=100.0 * n, **{name: values[n] for name, values in series.items()})
        for n in range(length)
    ]


def test_there_is_a_panel_for_each_thing_that_is_known():
    mhz, celsius = (2800.0, 2800.0, 2800.0), (30.0, 35.0, 40.0)
    heights = [
        picture_of(states).shape[0]
        for states in (
            (),
            states_of(thermal_status=(0, 0, 0)),
            states_of(frequency_mhz=mhz),
            states_of(frequency_mhz=mhz, temperature_c=celsius),
        )
    ]
    assert heights[0] == heights[1] < heights[2] < heights[3]


@pytest.mark.parametrize(
    ("series", "share"),
    [
        ({"frequency_mhz": (2800.0, 2790.0, 2600.0)}, 0.0),
        ({"frequency_mhz": (2800.0, 2400.0, 2800.0)}, 0.5),
        ({"thermal_status": (0, 0, 2, 2)}, 1 / 3),
        ({"thermal_status": (1, None, 1)}, 0.5),
    ],
)
def test_throttled_time_is_shaded(series, share):
    assert shaded_share(picture_of(states_of(**series))) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    ("mhz", "share"),
    [
        # The verdict calls a loss of 1 % of what is allowed throttling, and a rise no loss.
        ((2800.0, 2730.0, 2800.0), 0.5),
        ((2800.0, 2780.0, 2800.0), 0.0),
        ((1500.0, 2800.0, 2800.0), 0.0),
    ],
)
def test_what_is_allowed_is_shaded_as_the_verdict_judges_it(mhz, share):
    pixels = picture_of(states_of(frequency_mhz=mhz), frequency=CAP)
    assert shaded_share(pixels) == pytest.approx(share, abs=0.05)


def test_of_a_device_what_is_allowed_is_drawn_and_of_this_machine_the_clock(monkeypatch):
    drawn = []
    monkeypatch.setattr(plot, "draw_timeline", lambda *_, frequency: drawn.append(frequency))
    document = scripted_bench()
    sustained = msgspec.structs.replace(document.protocol, mode="sustained")
    here = msgspec.structs.replace(document, protocol=sustained)
    plot.draw(here)
    device = SimpleNamespace(facts=SimpleNamespace(serial="A1"))
    monkeypatch.setattr(plot, "_details", lambda _: ())
    plot.draw(msgspec.structs.replace(here, devices=(device,)))
    assert drawn == [CLOCK, CAP]


def test_states_need_not_come_in_order():
    states = states_of(thermal_status=(0, 0, 2, 2))
    assert (picture_of(states[::-1]) == picture_of(states)).all()


def test_a_sustained_bench_is_drawn_over_time():
    document = scripted_bench()
    protocol = msgspec.structs.replace(document.protocol, mode="sustained")
    heights = []
    for rows in (document.rows[:1], document.rows):
        sustained = msgspec.structs.replace(document, protocol=protocol, rows=rows, states=())
        with Image.open(BytesIO(draw(sustained))) as picture:
            heights.append(picture.height)
    # Unlike bars, lines share one panel.
    assert heights[0] == heights[1]


def test_lines_are_the_medians_of_blocks():
    (row,) = timeline_rows(scripted_bench().measured_rows[:1])
    assert row.name == "executorch, 1 thread"
    assert len(row.starts_s) == len(row.medians_ms) == 8
    assert row.medians_ms == pytest.approx([15.0] * 8, abs=0.05)
