"""The real runner, built for this machine, as if this machine were the device."""

import dataclasses
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest

from support.fake_worker import fake_manifest
from topformer.benchmarks.benches.host import Worker
from topformer.benchmarks.workers.device import check
from topformer.benchmarks.workers.device.bundle import install_bundle
from topformer.benchmarks.workers.device.check import (
    ReferenceOutput,
    check_output,
    compare_answers,
)
from topformer.benchmarks.workers.device.placed_model import place_model
from topformer.benchmarks.workers.device.worker import DeviceWorker
from topformer.benchmarks.workers.process import Patience
from topformer.benchmarks.workers.rows import RowRequest
from topformer.devices.workspace import open_workspace
from topformer.errors import TopformerError
from topformer.export.proof import FP32_GATES
from topformer.tasks import Answer, task_of


@pytest.fixture
def placed(local_link, host_runner, exported_tiny):
    with open_workspace(local_link, on_left=pytest.fail) as workspace:
        runner = install_bundle(workspace, host_runner.folder, host_runner.bundle)
        yield place_model(workspace, exported_tiny.files[0].path, runner)
    kept = [path.name for path in Path(local_link.scratch_folder).iterdir()]
    assert all(name.startswith("topformer-runner-") for name in kept)


@pytest.fixture(scope="module")
def reference_of(exported_tiny):
    """Compute the reference once; a placed model is asked for its picture and manifest only."""
    found = {}

    def compute(placed):
        if not found:
            found["reference"] = check.compute_reference(
                exported_tiny.files[0].path, placed.picture
            )
        return found["reference"]

    return compute


def request(placed, *, name="tiny, 1 thread"):
    return RowRequest(name=name, source=str(placed.remote_model), runtime="runner", threads=1)


def test_a_row_is_checked_then_measured(placed, reference_of, exported_tiny):
    checked = check_output(placed, reference_of(placed), threads=1)
    assert checked.passed
    assert checked.sqnr_db >= 90
    assert checked.result_agreement >= 0.9999
    mask = 1 << min(os.sched_getaffinity(0))
    with DeviceWorker(
        request(placed), placed, cores_mask=mask, expected_outputs_sha256=checked.outputs_sha256
    ) as worker:
        row: Worker = worker
        loaded = row.load(warmups=2)
        assert loaded.sha256 == exported_tiny.files[0].manifest.file.sha256
        assert len(loaded.warmups) == 2
        measured = row.measure(samples=3, warmups=1)
        assert (len(measured.samples), len(measured.warmups)) == (3, 1)
        assert min(sample.execute for sample in measured.samples) > 0
        assert measured.peak_memory_bytes > 10**6
        # It is no part of the block, and read once.
        assert worker.placements == []
        assert worker.has_run_since
        counted = worker.read_state()
        assert not worker.has_run_since
        (placement,) = worker.placements
        assert placement == counted.placement
        assert placement.allowed_mask == mask
        assert placement.last_cpus == (min(os.sched_getaffinity(0)),)


def test_a_detector_s_boxes_are_checked(local_link, host_runner, detector_pte):
    with open_workspace(local_link, on_left=pytest.fail) as workspace:
        runner = install_bundle(workspace, host_runner.folder, host_runner.bundle)
        placed = place_model(workspace, detector_pte, runner)
        reference = check.compute_reference(detector_pte, placed.picture)
        assert len(reference.answer.result) > 10
        assert check_output(placed, reference, threads=1).passed
        fewer = Answer(
            outputs=reference.answer.outputs, result=reference.answer.result[slice(0, -3)]
        )
        other = dataclasses.replace(reference, answer=fewer)
        checked = check_output(placed, other, threads=1)
    assert not checked.passed
    assert checked.sqnr_db >= 90
    assert 0.9 < checked.result_agreement < 1


def test_an_emulated_device_counts_around_the_runner(placed, tmp_path, monkeypatch):
    counter = tmp_path / "count-instructions"
    counter.write_text('#!/bin/sh\nlog=$1; shift; echo "$@" >> "$log"; exec "$@"\n')
    counter.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with DeviceWorker(request(placed), placed, counts=True) as worker:
        worker.load(warmups=0)
        log = worker.read_log().decode()
    assert log.startswith(f"{placed.runner[0]} serve ")
    assert "--mark-stages=1" in log


def test_a_runner_that_computes_something_else_than_was_checked(placed):
    with (
        DeviceWorker(request(placed), placed, expected_outputs_sha256="0" * 64) as worker,
        pytest.raises(TopformerError, match="tiny, 1 thread' on local computes something else"),
    ):
        worker.load(warmups=0)


@pytest.mark.parametrize(
    ("program", "complaint", "why"),
    [
        ("echo reason >&2; exit 3", "ended early", "exit status is 3"),
        ("kill -9 $$", "crashed", "killed by SIGKILL"),
        ("sleep 600", "hangs", "within 1 s"),
        ("exec yes | tr -d '\\n'", "sent an endless line", "4,194,304"),
        ("echo nonsense; sleep 600", "answered with something else than a result", "torn off"),
    ],
)
def test_runners_that_misbehave_are_named(placed, tmp_path, program, complaint, why):
    fake = tmp_path / "runner"
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(0o755)
    broken = dataclasses.replace(placed, runner=(str(fake),))
    patience = Patience(load_s=1.0 if complaint == "hangs" else 60.0)
    with (
        DeviceWorker(request(placed), broken, patience=patience) as worker,
        pytest.raises(TopformerError, match=f"tiny, 1 thread' on local {complaint}") as raised,
    ):
        worker.load(warmups=0)
    assert why in raised.value.why


def test_a_device_that_is_lost_while_it_measures_is_the_error(placed, local_link):
    with DeviceWorker(request(placed), placed) as worker:
        worker.load(warmups=0)
        adb = Path(local_link.adb)
        script = adb.read_text()
        adb.write_text("#!/bin/sh\necho 'adb: device offline' >&2; exit 1\n")
        worker.conversation.kill()
        with pytest.raises(TopformerError, match="local is offline"):
            worker.measure(samples=1, warmups=0)
        adb.write_text(script)


# The check


def a_reference():
    task = task_of(fake_manifest())
    logits = np.random.default_rng(0).normal(size=(1, 2, 8, 8)).astype(np.float32)
    return ReferenceOutput(task=task, answer=task.answer([logits]), required=FP32_GATES)


@pytest.mark.parametrize(
    ("change", "passed"),
    [(0.0, True), (1e-6, True), (1e-2, False), (np.nan, False), (np.inf, False)],
)
def test_what_passes(change, passed):
    reference = a_reference()
    logits = reference.answer.outputs[0].copy()
    logits[0, 0, 0, 0] += change
    answer = Answer(outputs=[logits], result=reference.answer.result)
    checked = compare_answers(answer, reference, outputs_sha256="0" * 64)
    assert checked.passed == passed
    assert checked.exact == (change == 0.0)
    assert msgspec.json.encode(checked)


def test_wrong_labels_fail_even_where_the_logits_are_right():
    reference = a_reference()
    labels = reference.answer.result.copy()
    labels[0, 0] += 1
    answer = Answer(outputs=reference.answer.outputs, result=labels)
    assert not compare_answers(answer, reference, outputs_sha256="0" * 64).passed


@pytest.mark.parametrize("damage", ["bytes", "length"])
def test_what_is_pulled_must_be_what_the_runner_wrote(placed, reference_of, monkeypatch, damage):
    def pull(_link, _remote, local, *, limit_bytes):
        local.write_bytes(bytes(limit_bytes if damage == "bytes" else limit_bytes - 1))

    monkeypatch.setattr(check, "pull", pull)
    with pytest.raises(TopformerError, match="not what its runner wrote"):
        check_output(placed, reference_of(placed), threads=1)


def test_a_runner_that_does_not_start_shows_why(placed, reference_of):
    broken = dataclasses.replace(placed, runner=("/no/such/loader",))
    with pytest.raises(TopformerError, match="The runner does not run on local") as raised:
        check_output(broken, reference_of(placed), threads=1)
    assert "/no/such/loader" in raised.value.why
    assert placed.workspace.link.scratch_folder in raised.value.next_step
