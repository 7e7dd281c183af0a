"""Reading bench documents: kept ones, other files, damaged ones, and rows that cannot be."""

import json
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.bench_fakes import emulated_bench, request, scripted_bench
from topformer.benchmarks.documents.bench import BenchDocument, read_bench
from topformer.benchmarks.protocol.comparison import compare
from topformer.benchmarks.protocol.matching import match_within
from topformer.errors import TopformerError

PUBLISHED = sorted((Path(__file__).parents[3] / "benchmarks" / "results").glob("*.json"))


def test_a_document_that_a_shell_gave_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "bench.json"
    text = PUBLISHED[0].read_text(encoding="utf-8")
    path.write_bytes(text.encode("utf-8-sig"))
    assert read_bench(path) == read_bench(PUBLISHED[0])
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(TopformerError, match="is not UTF-8") as caught:
        read_bench(path)
    assert "UTF-16" in caught.value.why


def test_the_published_documents_can_still_be_read():
    counted, measured = (read_bench(path) for path in PUBLISHED)
    assert [row.classes for row in counted.counted_rows] == [11, 11, 150, 150, 150]
    assert [row.classes for row in measured.measured_rows] == [11] * 4


def test_what_a_newer_minor_version_adds_is_ignored(tmp_path):
    path = tmp_path / "bench.json"
    document = json.loads(encoded())
    document |= {"schema": "topformer.bench/1.3", "moon": "full"}
    document["rows"][0] |= {"joules": 3, "load_ms": 4.0}
    document["rows"][0]["instructions"]["memory"] = 1
    path.write_text(json.dumps(document))
    found = read_bench(path)
    assert found.rows == emulated_bench().rows
    document["schema"] = "topformer.bench/2"
    path.write_text(json.dumps(document))
    why = "It is 'topformer.bench/2', and 'topformer.bench/1' is needed."
    assert refusal_of(path).why == why


def refusal_of(path):
    with pytest.raises(TopformerError) as caught:
        read_bench(path)
    return caught.value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"schema": "topformer.eval/1"}', "It is 'topformer.eval/1', and 'topformer.bench/1'"),
        (b'{"schema": "topformer.bench/1"}', "missing required field `environment`"),
        (b'{"a": 1}', "It is 'no schema'"),
        (b"[" * 100_000, ""),
        (b"", "Input data was truncated"),
    ],
)
def test_other_files_are_refused_with_a_reason(tmp_path, data, why):
    path = tmp_path / "other.json"
    path.write_bytes(data)
    error = refusal_of(path)
    assert "is not a bench document" in str(error)
    assert why in error.why
    assert len(error.why) < 500


def test_a_missing_and_a_huge_file_are_refused(tmp_path):
    assert "cannot be read" in str(refusal_of(tmp_path / "none.json"))
    huge = tmp_path / "huge.json"
    with huge.open("wb") as stream:
        stream.truncate(2**40)
    assert "too large to be a bench document" in str(refusal_of(huge))


@cache
def encoded():
    return msgspec.json.encode(emulated_bench())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_document_is_read_or_refused_and_nothing_else(tmp_path_factory, data):
    whole = bytearray(encoded())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "bench.json"
    path.write_bytes(whole)
    try:
        document = read_bench(path)
    except TopformerError:
        return
    assert isinstance(document, BenchDocument)


PARTS = ("preprocess_ms", "execute_ms", "postprocess_ms", "total_ms")


def two_rows():
    return scripted_bench([request("a"), request("b")], execute_ms={"a": 10.0, "b": 10.0})


def edited(edit, *, row=1):
    """The JSON of two rows of eight blocks of five samples, one of them edited."""
    document = json.loads(msgspec.json.encode(two_rows()))
    edit(document["rows"][row])
    return json.dumps(document).encode()


def drop_block(row):
    row["block_starts_s"].pop()
    for part in PARTS:
        del row[part]["samples"][-5:]


def put(part, values):
    def edit(row):
        row[part]["samples"] = values

    return edit


def set_starts(values):
    def edit(row):
        row["block_starts_s"] = values

    return edit


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (drop_block, "has 7 blocks and others have 8"),
        (set_starts([0.0, 1.0]), "has 2 blocks and others have 8"),
        (set_starts([0.0] * 7), "do not fall into equal blocks"),
        (set_starts([]), "length >= 1"),
        (set_starts(None), "got `null`"),
        (lambda row: row.pop("block_starts_s"), "missing required field `block_starts_s`"),
        (put("execute_ms", [1.0] * 48), "unequal samples: 40 of preprocess_ms, 48 of execute_ms"),
        (put("execute_ms", [1.0] * 39), "do not fall into equal blocks"),
        (put("execute_ms", []), "length >= 1"),
        (put("total_ms", [-1.0] * 40), ">= 0.0"),
        (put("total_ms", [float("nan")] * 40), ""),
        (put("total_ms", [float("inf")] * 40), ""),
        (put("total_ms", [1e300] * 40), "<= 1000000000.0"),
    ],
)
def test_blocks_that_cannot_be_paired_are_refused_where_they_are_read(tmp_path, edit, why):
    path = tmp_path / "bench.json"
    path.write_bytes(edited(lambda row: None))
    assert len(match_within(read_bench(path)).pairs) == 1
    path.write_bytes(edited(edit))
    error = refusal_of(path)
    assert "is not a bench document" in error.what
    assert why in error.why


@given(st.lists(st.sampled_from([0.0, 1e-9, 1e-6, 1.0, 1e9]), min_size=8, max_size=8))
@settings(max_examples=30, deadline=None)
def test_what_is_read_is_compared_or_refused_and_nothing_else(tmp_path_factory, medians):
    def edit(row):
        row["total_ms"]["samples"] = [one for one in medians for _ in range(5)]

    path = tmp_path_factory.mktemp("edited") / "bench.json"
    path.write_bytes(edited(edit))
    (pair,) = match_within(read_bench(path)).pairs
    if min(medians) < 1e-6:
        with pytest.raises(TopformerError) as refused:
            compare(*pair)
        assert "0 ms have no ratio" in refused.value.why
        return
    found = compare(*pair)
    assert all(part.ratio > 0 for part in found.parts)
