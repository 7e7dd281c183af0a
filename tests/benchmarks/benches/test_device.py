"""`topformer bench --device adb` from end to end: real adb, real adbd, real ARM code."""

import re
import signal
import subprocess
import time
from functools import partial

import msgspec
import pytest

from support.command import run_command
from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.report.gate import check_gate
from topformer.errors import TopformerError
from topformer.export import export_model

# While a model is loaded, the same program is waited for as while it is measured.
STAGES = ["sending the runner", "checking", "measuring"]
# No device that is lost is waited for as long as this; the emulated one is slow.
LOST_TIMEOUT_S = 150


@pytest.fixture(scope="module", autouse=True)
def _runner(arm_runner):
    """Build the runner before anything is waited for."""


@pytest.fixture
def bench(rig_adb):
    """Return a function that types a bench, in this process: adb alone runs beside the devices."""
    return partial(run_command, "bench", "--device", "adb", "--json")


def document_of(done):
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=BenchDocument)


def assert_nothing_is_left(device):
    assert device.processes() == []
    left = [path.name for path in (device.root / "data/local/tmp").iterdir()]
    assert all(re.fullmatch(r"topformer-runner-[0-9a-f]{16}-[0-9a-f]{16}", name) for name in left)


def test_tiny_is_checked_and_its_instructions_are_counted(rig, bench, exported_tiny):
    file = exported_tiny.files[0]
    document = document_of(bench("--model", file.path))
    (row,) = document.counted_rows
    assert row.sha256 == file.manifest.file.sha256
    assert row.threads == 1
    assert row.instructions.cpu == "cortex-a76"
    # The same three times over: that is what makes a gate of them.
    assert len(set(row.instructions.samples)) == 1
    assert 0 < row.instructions.preprocess < row.instructions.execute < 250_000_000
    assert 0 < row.instructions.postprocess < row.instructions.execute
    assert row.check.passed
    # Float32 kernels of ARM add in another order: equal bits would mean that nothing ran there.
    assert not row.check.exact
    assert row.check.sqnr_db > 85.0
    (device,) = document.devices
    assert device.facts.serial == rig.serial
    assert device.facts.emulated
    assert len(device.facts.cores) == 8
    assert device.readings
    assert document.published == ()
    assert_nothing_is_left(rig.device)


def test_a_detector_is_checked_by_its_boxes(bench, detector_pte):
    document = document_of(bench("--model", detector_pte))
    (row,) = document.counted_rows
    assert (row.task, row.detection_head, row.classes) == ("object-detection", "lite", 3)
    assert row.check.passed
    assert not row.check.exact
    # The same boxes each time: there are some to be made.
    assert len(set(row.instructions.samples)) == 1
    assert row.instructions.postprocess > 10_000


@pytest.mark.parametrize("variant", ["small", "base"])
def test_the_other_variants_compute_the_same_on_arm(bench, tmp_path, variant):
    result = export_model(
        weights="random",
        variant=variant,
        targets=["xnnpack"],
        image_size=(128, 128),
        out_dir=tmp_path,
    )
    document = document_of(bench("--model", result.files[0].path))
    (row,) = document.counted_rows
    assert row.variant == variant
    delegation = result.files[0].manifest.delegation
    assert (delegation.delegates, delegation.outside) == (1, ())
    assert row.weights.random
    assert row.check.passed


def test_fp16_and_int8_compute_on_arm_what_they_compute_here(bench, exported_small):
    """Each within its own gates, which are not float32's."""
    files = [
        file
        for file in exported_small.files
        if file.path.suffix == ".pte" and file.manifest.file.precision != "fp32"
    ]
    options = [word for file in files for word in ("--model", file.path)]
    rows = document_of(bench(*options)).counted_rows
    assert [row.sha256 for row in rows] == [file.manifest.file.sha256 for file in files]
    half, small = rows
    # Held to what the manifest says of this input.
    assert half.check.passed
    assert small.check.passed
    # ARM sums in half precision, this machine in float32.
    assert not half.check.exact
    assert half.check.sqnr_db > 40.0
    assert half.check.result_agreement > 0.99
    # Integers are the same everywhere, and what is in float32 adds next to nothing.
    assert small.check.sqnr_db > 40.0
    assert small.check.result_agreement > 0.99


def test_a_gate_holds_instructions_exactly(bench, small_pte, tmp_path):
    baseline = tmp_path / "baseline.json"
    done = bench("--model", small_pte)
    baseline.write_text(done.stdout)
    (row,) = document_of(done).rows
    assert bench("--model", small_pte, "--gate", baseline).returncode == 0

    less = done.stdout.replace(
        f"{row.instructions.execute}", f"{int(row.instructions.execute * 0.99)}"
    )
    before = msgspec.json.decode(less, type=BenchDocument)
    with pytest.raises(TopformerError, match="regression"):
        check_gate(document_of(done), before, on_warning=pytest.fail)

    larger = bench("--model", small_pte, "--picture", "300x200", "--gate", baseline)
    assert larger.returncode == 1
    assert "picture size: 300x200 against 64x96" in " ".join(larger.stderr.split())
    (other,) = msgspec.json.decode(larger.stdout, type=BenchDocument).rows
    assert other.check.passed
    assert (row.build.kind, row.build.c_library, other.build) == ("pypi", "glibc", row.build)
    # The resize is a part of preprocess, and of nothing else.
    assert other.instructions.preprocess > 3 * row.instructions.preprocess
    assert other.instructions.execute == pytest.approx(row.instructions.execute, rel=0.001)


def test_cores_are_set_and_read_back(bench, small_pte):
    (row,) = document_of(bench("--model", small_pte, "--cores", "1")).rows
    assert (row.cores.requested, row.cores.effective) == ("1", "1")


def test_cores_that_the_device_does_not_have(bench, small_pte):
    done = bench("--model", small_pte, "--cores", "100")
    assert done.returncode == 1
    assert "has no CPUs 100" in done.stderr
    assert done.stdout.startswith('{\n  "schema": "topformer.error/1"')


def test_all_devices_are_measured_side_by_side_and_one_that_fails_stops_no_other(
    rig, bench, small_pte
):
    with rig.add_device() as other:
        document = document_of(bench("--model", small_pte, "--all"))
        assert [row.name for row in document.rows] == [
            f"{serial}: runner, 1 thread" for serial in sorted((rig.serial, other.serial))
        ]
        assert [device.facts.serial for device in document.devices] == sorted(
            (rig.serial, other.serial)
        )
        assert_nothing_is_left(other)

        with other.without("sys/devices/system/cpu"):
            done = bench("--model", small_pte, "--all")
        assert done.returncode == 1
        document = msgspec.json.decode(done.stdout, type=BenchDocument)
        assert [device.facts.serial for device in document.devices] == [rig.serial]
        (failure,) = document.failures
        assert failure.device == other.serial
        assert failure.what
        assert other.serial in done.stderr


def test_a_full_device_is_said_to_be_full_and_left_empty(rig, bench, small_pte):
    rig.adb("shell", "rm -rf /data/local/tmp/*")
    with rig.device.storage_of(6 * 2**20):
        done = bench("--model", small_pte)
    assert done.returncode == 1
    assert "is full" in done.stderr
    assert_nothing_is_left(rig.device)


def started_until(rig, stage, *options):
    """Start a bench and return it as it enters a stage."""
    command = ["topformer", "bench", "--device", "adb", *options]
    running = rig.popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in running.stderr:
        if line.startswith(stage):
            return running
    pytest.fail(f"the bench ended before {stage!r}")


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_leaves_nothing(rig, small_pte, stage):
    running = started_until(rig, stage, "--model", small_pte)
    running.send_signal(signal.SIGINT)
    stdout, _ = running.communicate(timeout=LOST_TIMEOUT_S)
    assert running.returncode == 130
    assert stdout == ""
    assert_nothing_is_left(rig.device)


@pytest.mark.parametrize("stage", STAGES)
def test_a_device_that_is_lost_ends_the_bench_with_one_message(rig, small_pte, stage):
    running = started_until(rig, stage, "--model", small_pte)
    rig.device.kill_daemon()
    start_s = time.monotonic()
    try:
        stdout, stderr = running.communicate(timeout=LOST_TIMEOUT_S)
    finally:
        rig.device.start()
        rig.connect()
    assert time.monotonic() - start_s < LOST_TIMEOUT_S
    assert running.returncode == 1
    assert stdout == ""
    assert len(re.findall(r"^error:", stderr, re.MULTILINE)) == 1
    assert len(re.findall(r"^warning: .* may be left there", stderr, re.MULTILINE)) == 1
    assert rig.serial in stderr
    # What had been started ends by itself, or at the next bench's hands.
    rig.adb("shell", "rm -rf /data/local/tmp/topformer-*")


def test_a_linux_machine_over_ssh_has_latencies(
    loopback, host_runner, runner_cache, small_pte, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(runner_cache.parents[1]))
    plot = tmp_path / "plot.png"
    words = ["--device", "ssh:board", "--model", small_pte, "--cores", "1", "--json"]
    done = run_command("bench", *words, "--mode", "quick", "--plot", plot)
    document = document_of(done)
    (row,) = document.measured_rows
    assert row.runtime == "runner"
    assert row.check.passed
    assert row.cores.effective == "1"
    assert len(row.total_ms.samples) == 12 * document.protocol.samples_per_block
    assert row.total_ms.p50 > row.execute_ms.p50 > 0.0
    (device,) = document.devices
    assert (device.facts.link, device.program.target) == ("ssh", "host")
    # Before the first block, and after each; the state after one is that before the next.
    assert 13 <= len(device.readings) <= 24
    assert len(document.states) == len(device.readings)
    assert plot.read_bytes().startswith(b"\x89PNG")
