import msgspec
from rich.console import Console

from support.bench_fakes import emulated_bench, scripted_bench
from topformer.benchmarks.documents.published import PUBLISHED, published_rows
from topformer.benchmarks.report import text as report
from topformer.variants import get_variant


def test_rows_are_found_by_variant_and_size():
    rows = scripted_bench().rows
    assert [(row.image_size, row.execute_ms) for row in published_rows(rows)] == [((448, 448), 29)]
    larger = [msgspec.structs.replace(rows[0], image_size=(512, 512))]
    assert [row.execute_ms for row in published_rows(larger)] == [40.0, 43.0]


def test_detectors_are_other_networks():
    rows = scripted_bench().rows
    detectors = [msgspec.structs.replace(row, task="object-detection") for row in rows]
    assert published_rows(detectors) == ()


def test_instruction_counts_get_no_milliseconds_beside_them():
    assert published_rows(emulated_bench().rows) == ()


def test_every_published_row_is_of_a_variant_and_says_where_it_is_from():
    for row in PUBLISHED:
        get_variant(row.variant)
        assert "figure" in row.source
        assert "no preprocessing" in row.includes


def test_the_report_says_what_they_include():
    document = scripted_bench()
    document = msgspec.structs.replace(document, published=published_rows(document.rows))
    console = Console(width=80)
    with console.capture() as capture:
        console.print(*report.tables(document))
    text = " ".join(capture.get().split())
    assert "Snapdragon 865" in text
    assert "to logits at 1/8: no preprocessing, upsampling or argmax" in text
    assert "not to be ranked" in text
