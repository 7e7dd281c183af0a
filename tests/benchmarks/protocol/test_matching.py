import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.bench_fakes import SHORT, emulated_bench, request, scripted_bench
from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.protocol.comparison import compare
from topformer.benchmarks.protocol.matching import match_documents, match_within, read_bench
from topformer.errors import TopformerError

PUBLISHED = Path(__file__).parents[3] / "benchmarks" / "results" / "host-448-tiny.json"


def bench_of(*requests):
    return scripted_bench(requests, execute_ms={one.name: 10.0 for one in requests})


def names(matching):
    return [(ours.row.name, theirs.row.name) for ours, theirs in matching.pairs]


def test_only_rows_belong_together_whatever_they_are():
    first, second = bench_of(request("a", source="x")), bench_of(request("b", threads=4))
    assert names(match_documents(first, second)) == [("a", "b")]


def test_rows_are_found_by_model_and_setting_in_any_order():
    first = bench_of(request("a1"), request("a2", threads=2), request("o", runtime="onnxruntime"))
    second = bench_of(request("a4", threads=4), request("b2", threads=2), request("b1"))
    found = match_documents(first, second)
    assert names(found) == [("a2", "b2"), ("a1", "b1")]
    assert (found.baseline_only, found.contender_only) == (("o",), ("a4",))


def test_the_variant_serves_where_files_have_other_names():
    first = bench_of(request("a", source="old"), request("a2", source="old", threads=2))
    second = bench_of(request("b", source="new"), request("b2", source="new", threads=2))
    assert names(match_documents(first, second)) == [("a", "b"), ("a2", "b2")]


def test_one_file_measured_twice_is_matched_in_order():
    first, second = (bench_of(request(f"{n}1"), request(f"{n}2")) for n in "ab")
    assert names(match_documents(first, second)) == [("a1", "b1"), ("a2", "b2")]


def test_within_a_run_the_first_of_a_kind_is_the_baseline():
    document = bench_of(
        request("a"), request("b", threads=2), request("c"), request("d", threads=2), request("e")
    )
    assert names(match_within(document)) == [("a", "c"), ("b", "d"), ("a", "e")]
    alone = match_within(bench_of(request("a"), request("b", threads=2)))
    assert (alone.pairs, alone.contender_only) == ((), ("a", "b"))


def test_a_document_that_a_shell_gave_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "bench.json"
    text = PUBLISHED.read_text(encoding="utf-8")
    path.write_bytes(text.encode("utf-8-sig"))
    assert read_bench(path) == read_bench(PUBLISHED)
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(TopformerError, match="is not UTF-8") as caught:
        read_bench(path)
    assert "UTF-16" in caught.value.why


def test_the_published_document_can_still_be_read():
    document = read_bench(PUBLISHED)
    assert [row.classes for row in document.rows] == [None] * 4


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


def edited(edit, *, row=1):
    """The JSON of two rows of eight blocks of five samples, one of them edited."""
    document = json.loads(msgspec.json.encode(bench_of(request("a"), request("b"))))
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
    assert names(match_within(read_bench(path))) == [("a", "b")]
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


def test_devices_side_by_side_may_have_unequal_blocks_and_are_not_paired():
    first = bench_of(request("A: a"), request("A: b"))
    second = scripted_bench(
        [request("B: a"), request("B: b")],
        execute_ms={"B: a": 10.0, "B: b": 10.0},
        mode=replace(SHORT, rounds=4),
    )
    devices = tuple(SimpleNamespace(facts=SimpleNamespace(serial=serial)) for serial in "AB")
    both = msgspec.structs.replace(first, rows=(*first.rows, *second.rows), devices=devices)
    both.__post_init__()
    assert names(match_within(both)) == [("A: a", "A: b"), ("B: a", "B: b")]
