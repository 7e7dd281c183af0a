from dataclasses import replace

import msgspec
import pytest

from support.bench_fakes import CHECK, emulated_bench, request, scripted_bench, scripted_recording
from topformer.benchmarks.benches.rows import build_emulated_row, build_row
from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.rows import Cores, counted_rows, measured_rows
from topformer.benchmarks.protocol.comparison import compare_rows
from topformer.benchmarks.protocol.recording import gather_evidence

CORES = Cores(requested="f0", effective="f0", cluster="big")


def row_on(device, name="row", **evidence):
    recording = scripted_recording(request(name))
    found = gather_evidence(recording, cpu_count=8, machine_cpu_count=8)
    quiet = replace(found, background_cpus=None, steal_share=None, **evidence)
    return build_row(recording, evidence=quiet, seed=0, device=device, cores=CORES, check=CHECK)


def test_a_row_of_a_device_carries_what_the_device_told():
    row = row_on("phone", thermal_status_rise=2)
    assert (row.device, row.cores, row.check) == ("phone", CORES, CHECK)
    assert row.verdict == "throttled"
    assert "thermal status rose by 2" in row.reasons[0]


def test_an_emulated_row_has_instructions_and_no_milliseconds():
    samples = [(10, 100, 30), (11, 101, 29), (10, 105, 31)]
    row = build_emulated_row(
        scripted_recording(request("row")), samples=samples, cpu="cortex-a76", device="rig"
    )
    counts = row.instructions
    assert (counts.preprocess, counts.execute, counts.postprocess, counts.total) == (
        10,
        101,
        30,
        141,
    )
    assert counts.samples == tuple(samples)
    assert (row.emulated, row.verdict) == (True, "emulated")
    assert row.reasons[0].startswith("emulation: the CPU is an emulated cortex-a76")
    times = {name for name in row.__struct_fields__ if name.endswith("_ms")}
    assert len(times) == 8
    assert all(getattr(row, name) is None for name in times)


def test_a_document_of_an_emulated_device_survives_json():
    document = emulated_bench()
    again = msgspec.json.decode(msgspec.json.encode(document), type=BenchDocument)
    assert again == document
    assert measured_rows(again.rows) == []
    assert counted_rows(again.rows)[0].instructions.execute == 199_060_001


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda row: row.update(emulated=False, verdict="trusted"), "preprocess_ms"),
        (lambda row: row.update(load_ms=3.0), "load_ms"),
        (lambda row: row.update(instructions=None), "instructions"),
        (lambda row: row["instructions"].update(execute=0), "execute"),
        (lambda row: row.update(verdict="trusted"), "verdict"),
    ],
)
def test_a_row_that_is_neither_measured_nor_counted_is_refused(change, complaint):
    raw = msgspec.json.decode(msgspec.json.encode(emulated_bench()))
    change(raw["rows"][0])
    with pytest.raises(msgspec.ValidationError, match=complaint):
        msgspec.convert(raw, BenchDocument)


def test_samples_that_do_not_fall_into_the_blocks_are_refused():
    raw = msgspec.json.decode(msgspec.json.encode(scripted_bench()))
    raw["rows"][0]["total_ms"]["samples"].pop()
    with pytest.raises(msgspec.ValidationError, match="total_ms do not fall into equal blocks"):
        msgspec.convert(raw, BenchDocument)


def test_rows_of_other_devices_are_not_compared():
    rows = [row_on("one", "a"), row_on("two", "b"), row_on("one", "c"), *emulated_bench().rows]
    found = compare_rows(rows, seed=0)
    assert {(c.row, c.baseline) for c in found} == {("a", "c")}
