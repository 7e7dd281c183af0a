"""Where files are measured, and what does not fit is refused before any is made."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest

from support.bench_fakes import trusted
from support.report_fakes import MEASURE, fake_files, fake_measured, proved_file
from topformer.errors import UsageError
from topformer.verbs.report import measure
from topformer.verbs.report.document import CountedCost, MeasuredCost
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.measure import cost_of, measure_files


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"device": "phone"}, "There is no device called 'phone' to measure on."),
        ({"mode": "fast"}, "There is no bench mode called 'fast'."),
        ({"serial": "A1"}, "--serial is for devices."),
        ({"cores": "big"}, "--cores is for devices."),
        ({"max_start_temp_c": 40.0}, "--max-start-temp is for devices."),
        ({"device": "ssh:board", "serial": "A1"}, "--serial is for --device adb."),
    ],
)
def test_what_does_not_fit_is_refused(changes, what):
    with pytest.raises(UsageError) as refused:
        replace(MEASURE, **changes).check(2)
    assert refused.value.what == what


def test_more_files_than_the_memory_holds_are_refused_where_all_run_at_once(monkeypatch):
    monkeypatch.setattr(measure, "memory_bytes", lambda: (8 * 2**30, 2**30))
    MEASURE.check(5)
    with pytest.raises(UsageError) as refused:
        MEASURE.check(6)
    assert refused.value.what == "6 files cannot be measured here side by side."
    assert "1,024 MiB are free" in refused.value.why
    replace(MEASURE, device="adb").check(6)


def test_devices_run_what_the_runner_runs_and_nothing_runs_what_failed():
    pte, onnx = proved_file(), proved_file(target="onnx")
    failed = proved_file(passed=False)
    assert [MEASURE.runs(one) for one in (pte, onnx, failed)] == [True, True, False]
    device = replace(MEASURE, device="ssh:board")
    assert [device.runs(one) for one in (pte, onnx, failed)] == [True, False, False]


@pytest.fixture
def benched(monkeypatch):
    """Let scripted workers measure, and keep what they were asked for."""
    asked = []

    def bench_host(requests, *, mode, seed, on_progress):
        asked.append((list(requests), mode.name))
        costs = {one.name: 9.0 for one in requests}
        return trusted(fake_measured([proved_file(name=one.name) for one in requests], costs).bench)

    monkeypatch.setattr(measure, "bench_host", bench_host)
    return asked


def test_all_files_are_measured_in_one_bench_and_not_again(benched, tmp_path):
    files, _, _ = fake_files()
    kept = Kept(tmp_path)
    first = measure_files(files, MEASURE, kept, print)
    ((requests, mode),) = benched
    assert mode == "quick"
    assert [one.name for one in requests] == [file.name for file in files]
    assert {one.runtime for one in requests} == {"executorch", "onnxruntime"}
    again = measure_files(files, MEASURE, Kept(tmp_path), print)
    assert len(benched) == 1
    assert again.bench == first.bench
    # Rows of two runs could not be compared: one file more, and all are measured.
    measure_files([*files, proved_file(side=640)], MEASURE, Kept(tmp_path), print)
    assert len(benched[1][0]) == len(files) + 1
    measure_files(files, replace(MEASURE, threads=2), Kept(tmp_path), print)
    assert len(benched) == 3
    # The same files, shown other numbers by their manifests.
    measure_files([with_mean(file) for file in files], MEASURE, Kept(tmp_path), print)
    assert len(benched) == 4


def test_a_bench_that_was_not_trusted_is_measured_again(monkeypatch, tmp_path):
    file = proved_file()
    quiet = trusted(fake_measured([file], {file.name: 9.0}).bench)
    noisy = msgspec.structs.replace(quiet.rows[0], verdict="noisy", reasons=("load: busy.",))
    benches = [msgspec.structs.replace(quiet, rows=(noisy,)), quiet]
    monkeypatch.setattr(measure, "bench_host", lambda *_, **__: benches.pop(0))
    words = [
        measure_files([file], MEASURE, Kept(tmp_path), print).bench.rows[0].verdict
        for _ in range(3)
    ]
    assert words == ["noisy", "trusted", "trusted"]


def test_a_bench_of_more_doubt_does_not_take_the_place_of_one_of_less(monkeypatch, tmp_path):
    files = [proved_file(), proved_file(target="onnx")]
    quiet = trusted(fake_measured(files, dict.fromkeys([one.name for one in files], 9.0)).bench)
    rows = [
        msgspec.structs.replace(row, verdict="noisy", reasons=(f"load: busy {number}.",))
        for number, row in enumerate(quiet.rows)
    ]
    doubted = msgspec.structs.replace(quiet, rows=(rows[0], quiet.rows[1]))
    newer = msgspec.structs.replace(quiet, rows=(quiet.rows[0], rows[1]))
    worse = msgspec.structs.replace(quiet, rows=tuple(rows))
    benches = [doubted, worse, newer, quiet]
    monkeypatch.setattr(measure, "bench_host", lambda *_, **__: benches.pop(0))
    shown = [measure_files(files, MEASURE, Kept(tmp_path), print).bench for _ in range(5)]
    assert shown == [doubted, doubted, newer, quiet, quiet]


def with_mean(file):
    given = msgspec.structs.replace(file.manifest.input, mean=(0.0, 0.0, 0.0))
    return replace(file, manifest=msgspec.structs.replace(file.manifest, input=given))


@pytest.mark.parametrize("device", ["ssh:board", "adb"])
def test_a_device_is_asked_for_what_the_runner_runs(monkeypatch, tmp_path, device):
    asked = []
    link = SimpleNamespace(name="a device")

    def bench_device(given, plan, *, on_progress, on_warning):
        asked.append((given, plan))
        files = [proved_file(name=one.name) for one in plan.requests]
        return trusted(fake_measured(files, {file.name: 9.0 for file in files}).bench)

    monkeypatch.setattr(measure, "bench_device", bench_device)
    monkeypatch.setattr(measure, "connect_ssh", lambda name: nullcontext({"ssh:board": link}[name]))
    monkeypatch.setattr(measure, "choose_devices", lambda serial, all_devices: [serial])
    monkeypatch.setattr(measure, "connect", lambda serial: {"A1": link}[serial])
    options = replace(
        MEASURE, device=device, serial="A1" if device == "adb" else None,
        threads=2, cores="big", max_start_temp_c=31.0,
    )  # fmt: skip
    files = [proved_file(), proved_file(target="onnx")]
    found = measure_files(files, options, Kept(tmp_path), print)
    ((given, plan),) = asked
    assert given is link
    assert [(one.name, one.source, one.runtime, one.threads) for one in plan.requests] == [
        (files[0].name, str(files[0].path), "runner", 2)
    ]
    assert (plan.cores, plan.max_start_c, plan.mode.name) == ("big", 31.0, "quick")
    assert measure_files(files, options, Kept(tmp_path), print).bench == found.bench
    assert len(asked) == 1


def test_where_nothing_runs_nothing_is_measured(benched, tmp_path):
    assert measure_files([proved_file(passed=False)], MEASURE, Kept(tmp_path), print) is None
    assert benched == []


def test_costs_are_those_of_the_rows():
    files, _, costs = fake_files()
    row = fake_measured(files, costs).row_of(files[0].name)
    cost = cost_of(row)
    assert isinstance(cost, MeasuredCost)
    assert (cost.total_ms, cost.network_ms) == (row.total_ms.p50, row.execute_ms.p50)
    counted = cost_of(fake_measured(files, costs, emulated=True).row_of(files[0].name))
    assert isinstance(counted, CountedCost)
    assert counted.cpu == "cortex-a76"
