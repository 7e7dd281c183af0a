from dataclasses import replace
from types import SimpleNamespace

import msgspec

from support.bench_fakes import SHORT, request, scripted_bench
from topformer.benchmarks.protocol.matching import match_documents, match_within


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


def test_networks_of_another_task_or_head_are_never_paired():
    document = bench_of(request("a"), request("b"), request("c"))
    labels, *detectors = document.rows
    heads = ("lite", "retinanet")
    rows = (labels, *(
        msgspec.structs.replace(row, task="object-detection", detection_head=head)
        for row, head in zip(detectors, heads, strict=True)
    ))  # fmt: skip
    mixed = msgspec.structs.replace(document, rows=rows)
    assert match_within(mixed).pairs == ()
    found = match_documents(mixed, msgspec.structs.replace(mixed, rows=rows[::-1]))
    assert names(found) == [("c", "c"), ("b", "b"), ("a", "a")]


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


def test_files_of_one_name_are_found_by_their_folders_in_any_order():
    first = bench_of(request("a/m.pte"), request("b/m.pte"), request("c/m.pte"))
    second = bench_of(request("b/m.pte"), request("a/m.pte"), request("d/m.pte"))
    assert names(match_documents(first, second)) == [
        ("b/m.pte", "b/m.pte"), ("a/m.pte", "a/m.pte"), ("c/m.pte", "d/m.pte")
    ]  # fmt: skip


def bench_on(*serials, row_names=("one", "two")):
    """Make the document of one model of phone, several of which were measured side by side."""
    prefixes = [f"{serial}: " if len(serials) > 1 else "" for serial in serials]
    document = bench_of(*(request(prefix + name) for prefix in prefixes for name in row_names))
    rows = tuple(msgspec.structs.replace(row, device="Maker M1") for row in document.rows)
    facts = [SimpleNamespace(serial=serial, name="Maker M1") for serial in serials]
    devices = tuple(SimpleNamespace(facts=one) for one in facts)
    return msgspec.structs.replace(document, rows=rows, devices=devices)


def test_phones_of_one_model_are_told_apart_by_their_serials():
    found = match_documents(bench_on("A", "B"), bench_on("B", "A"))
    assert names(found) == [(f"{serial}: {row}",) * 2 for serial in "BA" for row in ("one", "two")]
    assert names(match_documents(bench_on("A", "B"), bench_on("B"))) == [
        ("B: one", "one"), ("B: two", "two")
    ]  # fmt: skip


def test_another_phone_of_a_model_serves_only_where_there_is_one():
    assert names(match_documents(bench_on("A"), bench_on("C", row_names=("two", "one")))) == [
        ("two", "two"), ("one", "one")
    ]  # fmt: skip
    found = match_documents(bench_on("A", "B"), bench_on("A", "C"))
    assert names(found) == [("A: one", "A: one"), ("A: two", "A: two")]
    assert found.contender_only == ("C: one", "C: two")
    assert found.baseline_only == ("B: one", "B: two")
