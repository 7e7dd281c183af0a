import re
from io import BytesIO

import msgspec
import pytest
from PIL import Image
from rich.console import Console

from support.bench_fakes import CHECK, emulated_bench, scripted_bench
from topformer.benchmarks.documents.conditions import Build, StartingPicture
from topformer.benchmarks.documents.rows import Cores, RowWeights
from topformer.benchmarks.report import text as report
from topformer.benchmarks.report.plot import draw
from topformer.console.screen import Screen


@pytest.fixture(scope="module")
def document():
    return scripted_bench()


def with_row(document, **changes):
    rows = (msgspec.structs.replace(document.rows[0], **changes), *document.rows[1:])
    return msgspec.structs.replace(document, rows=rows)


def test_every_row_and_comparison_has_a_line(document):
    lines = [
        *report.row_lines(document),
        *(line for one in document.comparisons for line in report.comparison_lines(one)),
    ]
    assert len(lines) == 3 + 2 * 4
    assert lines[0].startswith("executorch, 1 thread: 15.0")
    assert "1.25 times the network's 12.0" in lines[0]
    assert lines[0].endswith("random weights")
    told = "executorch, 1 thread against torch (eager, BatchNorm unfused), 1 thread: network 36.0"
    assert lines[8].startswith(told)
    assert " to 12.0" in lines[8]
    assert "ms, 0.333 times (99% interval 0.33" in lines[8]
    assert lines[8].endswith(": faster")


def test_the_table_names_random_weights_and_verdicts(document):
    document = with_row(document, verdict="noisy", reasons=("load: busy.",))
    console = Screen()
    console.width = 80
    with console.capture() as capture:
        console.print(*report.tables(document))
    text = capture.get()
    assert "RANDOM weights" in text
    assert "noisy" in text
    # Styles are no part of what is said.
    assert not re.search(r"\[/?[a-z]", text)
    assert "8 blocks of 5 samples" in text


def test_half_precision_is_told_where_it_is_slow(document):
    document = with_row(document, precision="fp16")
    place = msgspec.structs.replace
    on_x86, on_arm = (
        place(document, environment=place(document.environment, architecture=name))
        for name in ("x86_64", "aarch64")
    )
    (told,) = report.half_precision_warnings(on_x86)
    assert told == "executorch, 1 thread: x86 has no fast half precision; measure it on a phone."
    assert not list(report.half_precision_warnings(on_arm))


def test_what_a_row_began_with_and_whose_build_ran_is_told(document):
    assert report.heading(document) == "TopFormer tiny, 448x448, RANDOM weights"
    frame = StartingPicture(height=480, width=640, format="yuv")
    document = with_row(document, picture=frame, build=Build(kind="ndk", c_library="bionic"))
    told = "TopFormer tiny, 448x448 from 480x640 yuv, 448x448, RANDOM weights"
    assert report.heading(document) == told
    first, second, _ = report.row_lines(document)
    assert ", from 480x640 yuv" in first
    assert "from" not in second
    table, *_ = report.tables(document)
    assert table.caption == "Library: an NDK build (bionic), PyPI's build (glibc)."


def test_names_are_not_markup(document):
    console = Screen()
    console.width = 80
    with console.capture() as capture:
        console.print(*report.tables(with_row(document, name="[red]evil[/blue].pte")))
    assert "[red]evil[/blue].pte" in capture.get()


def test_a_reason_is_told_once_with_the_rows_it_holds_for(document):
    shared = ("drift: slower.",)
    rows = tuple(msgspec.structs.replace(row, reasons=shared) for row in document.rows[:2])
    document = msgspec.structs.replace(document, rows=rows)
    assert list(report.reasons(document)) == [
        "executorch, 1 thread; onnxruntime, 1 thread: drift: slower."
    ]


def test_trained_weights_are_not_called_random(document):
    weights = msgspec.structs.replace(document.rows[0].weights, random=False)
    rows = tuple(msgspec.structs.replace(row, weights=weights) for row in document.rows)
    assert "RANDOM" not in report.heading(msgspec.structs.replace(document, rows=rows))


def test_the_plot_is_a_png_that_grows_with_the_rows(document):
    heights = []
    for rows in (document.rows[:1], document.rows):
        data = draw(msgspec.structs.replace(document, rows=rows))
        with Image.open(BytesIO(data)) as picture:
            assert picture.format == "PNG"
            heights.append(picture.height)
    assert heights[0] < heights[1]


def pixels_of(data, colour):
    with Image.open(BytesIO(data)) as picture:
        return sum(
            count for count, found in picture.convert("RGB").getcolors(2**24) if found == colour
        )


def test_bars_are_to_scale(document):
    """The network's share of the bars' area is its share of the time."""
    (row,) = document.rows[:1]
    data = draw(msgspec.structs.replace(document, rows=(row,)))
    blue, orange = pixels_of(data, (0x00, 0x72, 0xB2)), pixels_of(data, (0xE6, 0x9F, 0x00))
    # Numbers, the whisker and the legend cover or add a little.
    assert blue / orange == pytest.approx(row.execute_ms.p50 / row.postprocess_ms.p50, rel=0.25)


def text_of(document):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(*report.tables(document))
    return capture.get()


def test_an_emulated_device_has_instructions_and_no_milliseconds():
    document = emulated_bench()
    text = text_of(document)
    assert "199.06" in text
    assert "cortex-a76" in text
    (line,) = report.row_lines(document)
    assert line == (
        "executorch, 1 thread: 206.66 M instructions, the network 199.06 M, "
        "on an emulated cortex-a76: no latency, random weights"
    )
    assert " ms" not in text + line


def test_real_and_emulated_rows_stand_in_tables_of_their_own(document):
    rows = (*document.rows, *emulated_bench().rows)
    text = text_of(msgspec.structs.replace(document, rows=rows))
    assert text.index("median ms") < text.index("total ms") < text.index("M instructions")
    assert "cortex-a76" in text


def test_the_check_of_a_device_is_shown(document):
    cores = Cores(requested="f0", effective="f0", cluster="big")
    text = text_of(with_row(document, device="a phone", check=CHECK, cores=cores))
    assert "121.0" in text
    assert "100.000%" in text
    assert "a phone" in text
    assert "big" in text


def test_emulated_rows_alone_are_drawn_as_instructions():
    blue, orange = (0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)
    data = draw(emulated_bench(execute=30_000_000))
    # 30 M against 7 M; numbers and the legend cover or add a little.
    assert pixels_of(data, blue) / pixels_of(data, orange) == pytest.approx(30 / 7, rel=0.25)


def test_emulated_rows_beside_real_ones_are_left_to_the_table(document):
    real = msgspec.structs.replace(document, rows=document.rows[:1])
    mixed = msgspec.structs.replace(real, rows=(*real.rows, *emulated_bench().rows))
    with Image.open(BytesIO(draw(mixed))) as both, Image.open(BytesIO(draw(real))) as one:
        assert both.size == one.size


def test_a_heading_tells_detectors_and_their_heads(document):
    rows = [msgspec.structs.replace(row, detection_head="lite") for row in document.rows]
    told = report.heading(msgspec.structs.replace(document, rows=tuple(rows)))
    assert told.startswith("TopFormer tiny (lite detector), 448x448")


def test_a_heading_says_whether_some_or_all_weights_are_random(document):
    assert report.heading(document).endswith(", RANDOM weights")
    trained = RowWeights(name="tiny-camvid", random=False)
    first = msgspec.structs.replace(document.rows[0], weights=trained)
    mixed = msgspec.structs.replace(document, rows=(first, *document.rows[1:]))
    assert report.heading(mixed).endswith(", some weights RANDOM")
    assert "RANDOM" not in report.heading(msgspec.structs.replace(document, rows=(first,)))
