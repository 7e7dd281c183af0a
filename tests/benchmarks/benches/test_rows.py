from dataclasses import replace

import msgspec
import pytest

from support.bench_fakes import (
    CHECK,
    emulated_bench,
    emulated_row,
    request,
    scripted_bench,
    scripted_recording,
)
from topformer.benchmarks.benches.rows import counted_row, measured_row
from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.rows import Cores
from topformer.benchmarks.protocol.comparison import compare_run
from topformer.benchmarks.protocol.modes import COUNTING
from topformer.benchmarks.protocol.recording import gather_evidence
from topformer.benchmarks.workers.device.counting import parse_log
from topformer.errors import TopformerError

CORES = Cores(requested="f0", effective="f0", cluster="big")


def row_on(device, name="row", **evidence):
    recording = scripted_recording(request(name))
    found = gather_evidence(recording, cpu_count=8, machine_cpu_count=8)
    quiet = replace(found, background_cpus=None, steal_share=None, **evidence)
    return measured_row(recording, evidence=quiet, seed=0, device=device, cores=CORES, check=CHECK)


def test_a_row_of_a_device_carries_what_the_device_told():
    row = row_on("phone", thermal_status_rise=2)
    assert (row.device, row.cores, row.check) == ("phone", CORES, CHECK)
    assert row.verdict == "throttled"
    assert "thermal status rose by 2" in row.reasons[0]


def test_an_emulated_row_has_instructions_and_no_milliseconds():
    samples = [(10, 100, 30), (11, 101, 29), (10, 105, 31)]
    row = emulated_row(request("row"), samples=samples)
    counts = row.instructions
    parts = (counts.preprocess, counts.execute, counts.postprocess, counts.total)
    assert parts == (10, 101, 30, 141)
    assert counts.samples == tuple(samples)
    assert msgspec.to_builtins(row)["kind"] == "counted"
    fields = row.__struct_fields__
    assert not [name for name in fields if name.endswith(("_ms", "_s")) or name == "verdict"]


def log_of(runs):
    lines = [f"{4 * run + stage}" for run in range(runs) for stage in range(4)]
    marks = "".join(f"{at % 4} {1000 + 10 * int(line)}\n" for at, line in enumerate(lines))
    return parse_log(f"topformer-instructions/1 cpu=cortex-a76\n{marks}".encode())


def counted(runs):
    recording = scripted_recording(request("row"), mode=COUNTING)
    return counted_row(recording, log=log_of(runs), device="rig", cores=CORES, check=CHECK)


def test_an_emulated_row_counts_the_samples_alone():
    row = counted(1 + 1 + 3)
    assert row.instructions.samples == ((10, 10, 10),) * 3
    assert row.instructions.total == 30
    assert (row.cores, row.check, row.device) == (CORES, CHECK, "rig")


@pytest.mark.parametrize("runs", [0, 4, 6])
def test_runs_that_are_missing_or_too_many_are_refused(runs):
    with pytest.raises(TopformerError, match=f"counted {runs} runs of 5"):
        counted(runs)


def test_a_document_of_an_emulated_device_survives_json():
    document = emulated_bench()
    again = msgspec.json.decode(msgspec.json.encode(document), type=BenchDocument)
    assert again == document
    assert again.measured_rows == []
    assert again.counted_rows[0].instructions.execute == 199_060_001


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda row: row.update(kind="measured"), "missing required field `verdict`"),
        (lambda row: row.update(kind="dreamt"), "Invalid value 'dreamt'"),
        (lambda row: row.pop("kind"), "missing required field `kind`"),
        (lambda row: row.update(instructions=None), "instructions"),
        (lambda row: row["instructions"].update(execute=0), "execute"),
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
    document = scripted_bench()
    found = compare_run(rows, document.environment, document.protocol)
    assert [(c.kind, c.contender, c.baseline) for c in found] == [("paired", "a", "c")]
