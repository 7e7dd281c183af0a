import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from support.bench_fakes import (
    EXECUTE_MS,
    REQUESTS,
    SHORT,
    ScriptedWorker,
    record,
    request,
    scripted_bench,
)
from topformer.benchmarks.benches.host import bench_host
from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.rows import PARTS
from topformer.benchmarks.workers.host import start_worker
from topformer.devices.machine import Counters
from topformer.errors import TopformerError

FAKE = Path(__file__).parents[2] / "support" / "fake_worker.py"
NO_COUNTERS = Counters(
    at_s=None,
    busy_s=None,
    stolen_s=None,
    quota_stopped_s=None,
    thermal_events=None,
    frequency_mhz=None,
)


@pytest.fixture(scope="module")
def document():
    return scripted_bench()


def test_rows_take_turns_in_the_order_that_the_document_tells():
    log = []
    document = scripted_bench(log=log)
    names = [r.name for r in REQUESTS]
    assert log[:3] == [("load", name) for name in names]
    told = [("measure", names[row]) for order in document.protocol.order for row in order]
    assert log[3:] == told
    assert all(sorted(order) == [0, 1, 2] for order in document.protocol.order)


def test_every_sample_is_kept_in_the_order_of_time(document):
    for row in document.rows:
        count = document.protocol.rounds * document.protocol.samples_per_block
        for part in PARTS:
            assert len(row.latency(part).samples) == count
        parts = np.array([row.latency(part).samples for part in PARTS])
        assert parts[:3].sum(axis=0) == pytest.approx(parts[3])
        assert len(row.warmup_ms) == 2 + document.protocol.rounds
        assert len(row.block_starts_s) == document.protocol.rounds


def test_a_row_says_what_was_measured(document):
    row = document.rows[2]
    assert row.name == "torch (eager, BatchNorm unfused), 1 thread"
    assert (row.runtime, row.form, row.threads) == ("torch", "eager, BatchNorm unfused", 1)
    assert (row.model, row.sha256, row.precision) == ("model.pte", "a" * 64, "fp32")
    assert row.weights.random
    assert (row.device, row.cores, row.check) == ("host", None, None)
    assert row.execute_ms.p50 == pytest.approx(36.0, abs=0.1)
    assert row.total_ms.p50 == pytest.approx(39.0, abs=0.1)
    assert row.total_over_execute.median == pytest.approx(39 / 36, abs=0.01)
    assert (row.import_ms, row.load_ms, row.first_execute_ms) == (5.0, 7.0, 90.0)
    assert row.peak_memory_bytes == 300 * 2**20


def test_the_first_row_is_compared_with_each_other_one(document):
    found = {
        (c.contender, c.baseline, part.part): part for c in document.comparisons for part in c.parts
    }
    executorch, onnxruntime, torch = (r.name for r in REQUESTS)
    same = found[executorch, onnxruntime, "execute"]
    assert same.verdict == "no difference"
    faster = found[executorch, torch, "execute"]
    assert faster.verdict == "faster"
    assert faster.ratio == pytest.approx(1 / 3, abs=0.01)
    assert {c.kind for c in document.comparisons} == {"paired"}
    assert len(found) == 2 * 4


def test_rows_of_other_thread_counts_are_not_compared():
    requests = [request("a"), request("b", threads=2), request("c", threads=2)]
    document = scripted_bench(requests, execute_ms=dict.fromkeys("abc", 5.0))
    assert {(c.contender, c.baseline) for c in document.comparisons} == {("b", "c")}


def test_the_document_survives_json_and_a_schema_can_be_made(document):
    data = msgspec.json.encode(document)
    assert msgspec.json.decode(data, type=BenchDocument) == document
    raw = msgspec.json.decode(data)
    assert raw["schema"] == "topformer.bench/1.2"
    assert set(raw["rows"][0]["total_ms"]) == {"p50", "p90", "p99", "min", "ci95", "samples"}
    assert "topformer.bench/1" in str(msgspec.json.schema(BenchDocument))


def test_the_environment_is_recorded(document):
    environment = document.environment
    assert environment.cpu_count >= 1
    assert environment.cpu_model
    assert "numpy" in environment.libraries
    assert environment.python == sys.version.split()[0]
    assert environment.duration_s > 0
    assert environment.omp_wait_policy == os.environ["OMP_WAIT_POLICY"]


def test_slow_networks_get_fewer_samples():
    slow = replace(SHORT, budget_s=1.4)
    document = scripted_bench(execute_ms=dict.fromkeys(EXECUTE_MS, 8.0), mode=slow)
    # 8 rounds of three rows of (8 + 3) ms: four samples and a warm-up fit.
    assert document.protocol.samples_per_block == 4


def test_rounds_go_on_until_the_minimum_time_has_passed():
    worker = ScriptedWorker(request("a"), execute_ms=1.0)
    mode = replace(SHORT, minimum_s=0.05)
    silent = SimpleNamespace(before_block=lambda: NO_COUNTERS, after_block=lambda: NO_COUNTERS)
    recorded = record([worker], mode=mode, surroundings=silent)
    assert len(recorded.protocol.order) == recorded.protocol.rounds > SHORT.rounds
    assert len(recorded.recordings[0].blocks) == recorded.protocol.rounds


def test_real_processes_around_a_fake_model():
    start = partial(start_worker, command=[sys.executable, str(FAKE), "well"])
    stages = []
    requests = [request("a", source="fake"), request("b", source="fake")]
    document = bench_host(requests, mode=SHORT, seed=0, on_progress=stages.append, start=start)
    assert stages[:2] == ["loading a", "loading b"]
    assert stages[2:] == [f"measuring, {done} of 8 rounds done" for done in (0, 2, 4, 6)]
    assert all(row.total_ms.min > 1.0 for row in document.rows)


def test_a_row_that_fails_fails_the_bench_by_name_and_stops_the_others():
    workers = []

    @contextmanager
    def start(request):
        how = "crash" if request.name == "bad" else "well"
        with start_worker(request, command=[sys.executable, str(FAKE), how]) as worker:
            workers.append(worker)
            yield worker

    requests = [request("good", source="fake"), request("bad", source="fake")]
    with pytest.raises(TopformerError, match="'bad' crashed"):
        bench_host(requests, mode=SHORT, seed=0, on_progress=lambda _: None, start=start)
    processes = [worker.conversation.process for worker in workers]
    assert [process.poll() is not None for process in processes] == [True, True]
