"""The real aarch64 runner on the emulated device: what it computes, and a device lost meanwhile."""

import contextlib

import pytest
from mishaps import soon

from rig.device import wait_until
from topformer.benchmarks.devices.check import check_output, compute_reference
from topformer.benchmarks.devices.device_bundle import install_bundle
from topformer.benchmarks.devices.subject import place_subject
from topformer.benchmarks.devices.worker import device_worker
from topformer.benchmarks.devices.workspace import open_workspace
from topformer.benchmarks.process import RowRequest
from topformer.errors import TopformerError
from topformer.export import export_model


@pytest.fixture
def runner(rig, rig_link, arm_runner):
    """Install the real bundle, and remove it when nothing runs any more."""
    yield install_bundle(rig_link, arm_runner.folder, arm_runner.bundle)
    wait_until("nothing of ours runs on the device", lambda: not rig.processes())
    rig_link.run(["sh", "-c", "rm -rf /data/local/tmp/topformer-runner-*"])
    assert list((rig.root / "data/local/tmp").iterdir()) == []


def row(subject):
    return RowRequest(name="row", source=subject.remote_model, runtime="runner", threads=1)


def test_tiny_computes_there_what_it_computes_here(rig_link, runner, exported_tiny):
    """The picture is ill-conditioned for the golden network: its manifest says what is needed."""
    model = exported_tiny.files[0].path
    with open_workspace(rig_link, on_left=pytest.fail) as workspace:
        subject = place_subject(workspace, model, runner)
        checked = check_output(subject, compute_reference(model, subject), threads=1)
        assert checked.passed
        assert checked.label_agreement >= 0.9999
        assert checked.required.sqnr_db < 90 <= checked.sqnr_db + 5
        sha256 = checked.logits_sha256
        with device_worker(row(subject), subject, expected_logits_sha256=sha256) as worker:
            worker.load(warmups=0)
            assert len(worker.measure(samples=1, warmups=0).samples) == 1


@pytest.mark.parametrize("size", ["small", "base"])
def test_so_do_the_larger_ones(rig_link, runner, tmp_path, size):
    exported = export_model(
        size=size, weights="random", targets=["xnnpack"], image_size=(128, 128), out_dir=tmp_path
    )
    model = exported.files[0].path
    with open_workspace(rig_link, on_left=pytest.fail) as workspace:
        subject = place_subject(workspace, model, runner)
        checked = check_output(subject, compute_reference(model, subject), threads=2)
    assert checked.passed


def test_a_device_without_its_cpus_cannot_run_it_and_says_so(rig, rig_link, runner, exported_tiny):
    model = exported_tiny.files[0].path
    with (
        rig.device.without("sys/devices/system/cpu"),
        open_workspace(rig_link, on_left=pytest.fail) as workspace,
    ):
        subject = place_subject(workspace, model, runner)
        reference = compute_reference(model, subject)
        with pytest.raises(TopformerError) as raised:
            check_output(subject, reference, threads=1)
    assert raised.value.why


@pytest.mark.parametrize("stage", ["sending", "checking", "loading", "measuring"])
def test_a_device_that_is_lost_at_any_stage(rig, rig_link, runner, exported_tiny, stage):
    model, told = exported_tiny.files[0].path, []

    def during(name):
        if name != stage:
            return contextlib.nullcontext()
        return soon(rig.device.kill_daemon, delay_s=0.0 if name == "sending" else 1.0)

    def bench(workspace):
        with during("sending"):
            subject = place_subject(workspace, model, runner)
        reference = compute_reference(model, subject)
        with during("checking"):
            check_output(subject, reference, threads=1)
        with device_worker(row(subject), subject) as worker:
            with during("loading"):
                worker.load(warmups=0)
            with during("measuring"):
                worker.measure(samples=100, warmups=0)

    try:
        with (
            pytest.raises(TopformerError) as raised,
            open_workspace(rig_link, on_left=told.append) as workspace,
        ):
            bench(workspace)
        assert raised.value.next_step
        (left,) = told
        assert workspace.folder in left
    finally:
        rig.device.start()
        rig.connect()
    # It answers again, so what was left can go.
    workspace.close()
