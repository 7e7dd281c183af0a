"""`bench --via app` on the rig: real adb, real runner and model, a fixture in the app's place."""

import signal
import subprocess

import msgspec
import pytest
from typer.testing import CliRunner

from rig.device import wait_until
from support.rig_app import installed_app
from topformer.benchmarks.benches.app import bench_app
from topformer.benchmarks.benches.plan import APP, name_rows
from topformer.benchmarks.benches.watch import DevicePlan
from topformer.benchmarks.documents.bench import AppRecord, BenchDocument
from topformer.benchmarks.protocol.modes import MODES, Mode
from topformer.benchmarks.workers.process import Patience
from topformer.cli.main import build_command
from topformer.errors import TopformerError

MODE = Mode(
    name="short", rounds=2, samples_per_block=3, warmups=1, warmups_per_block=0, budget_s=60.0
)
LOST_TIMEOUT_S = 150


@pytest.fixture
def app_on_rig(rig, arm_runner, small_pte):
    """Install the app on the rig, and hold every test to a device on which nothing is left."""
    with installed_app(rig.device, arm_runner, small_pte) as app:
        yield app
        wait_until("the app is not running", lambda: not rig.processes())
        assert app.documents() == []


@pytest.fixture
def bench(rig_link, small_pte, monkeypatch):
    """Return a function that benches in the app, with little patience."""

    def run(*models, threads=(1,), patience_s=60.0, told=None):
        patience = Patience(load_s=patience_s, block_s=patience_s)
        monkeypatch.setattr("topformer.benchmarks.benches.app.PATIENCE", patience)
        sources = [(str(model), APP) for model in models or [small_pte]]
        requests = name_rows(sources, threads=threads, image_size=None)
        plan = DevicePlan(requests=requests, mode=MODE, seed=0, max_start_c=None)
        warned = told if told is not None else []
        return bench_app(rig_link, plan, on_progress=lambda _: None, on_warning=warned.append)

    return run


def test_rows_of_the_app_take_turns_as_all_rows_do(app_on_rig, bench, small_pte, rig):
    told = []
    document = bench(threads=(1, 2), told=told)
    rows = document.measured_rows
    assert [row.name for row in rows] == ["app, 1 thread", "app, 2 threads"]
    assert {row.runtime for row in rows} == {"app"}
    assert {row.model for row in rows} == {small_pte.name}
    assert {row.build.kind for row in rows} == {"app"}
    assert all(len(row.total_ms.samples) == 2 * 3 for row in rows)
    # Every start opens the model anew: one warm-up after loading, and one before each block.
    assert all(len(row.warmup_ms) == 1 + 2 for row in rows)
    assert document.protocol.warmups_per_block == 1
    assert len(document.protocol.order) == 2
    assert all(row.background_cpus is None for row in rows)
    (device,) = document.devices
    assert isinstance(device.program, AppRecord)
    assert (device.program.package, device.program.version) == ("io.topformer.demo", None)
    assert device.program.runtime_version
    assert len(device.readings) >= 5
    # Kernels of ARM add in another order, so the hashes differ and tell nothing.
    assert [row.check for row in rows] == [None, None]
    assert len(told) == 2
    assert "hashes" in told[0]
    assert msgspec.json.decode(msgspec.json.encode(document), type=BenchDocument) == document


def test_the_command_line_measures_what_is_named(app_on_rig, rig_adb, small_pte, monkeypatch):
    monkeypatch.setitem(MODES, "quick", MODE)
    command = ["bench", "--device", "adb", "--via", "app", "--mode", "quick", "--json"]
    done = CliRunner().invoke(build_command(), [*command, "--model", str(small_pte)])
    assert done.exit_code == 0, done.stderr
    (row,) = msgspec.json.decode(done.stdout, type=BenchDocument).rows
    assert (row.name, len(row.block_starts_s)) == ("app, 1 thread", 2)
    assert "app, 1 thread: the app tells hashes" in " ".join(done.stderr.split())


def test_without_the_app_the_next_step_is_to_install_it(app_on_rig, bench):
    app_on_rig.uninstall()
    with pytest.raises(TopformerError, match="does not start") as raised:
        bench()
    assert "topformer app install" in raised.value.next_step


def test_a_model_that_the_app_lacks_is_answered_with_those_it_has(app_on_rig, bench, model):
    other = model.rename(model.with_name("other.pte"))
    model.with_suffix(".json").rename(other.with_suffix(".json"))
    with pytest.raises(TopformerError, match="failed in the app") as raised:
        bench(other)
    assert "There is no such model. The app has [topformer-tiny-64x96" in raised.value.why
    assert "topformer app embed" in raised.value.next_step


def test_another_file_of_the_same_name_is_refused(app_on_rig, bench, rig):
    (stored,) = (rig.root / "fixtures/app/models").iterdir()
    stored.write_bytes(stored.read_bytes() + bytes(16))
    with pytest.raises(TopformerError, match="is of another model"):
        bench()


TORN = '{"schema":"topformer.runner/1","block_warmups":[]'
BACKGROUND = (
    '{"schema":"topformer.runner-error/1","code":"background","what":"The app was left.",'
    '"why":"\\\\u001b[2J","end":"topformer.runner.end"}'
)


@pytest.mark.parametrize(
    ("script", "what", "why", "next_step"),
    [
        (f"echo '{TORN}' > $document; sleep 600", "failed in the app", "torn off", "screen"),
        (f"echo '{BACKGROUND}' > $document; sleep 600", "failed", "was left", "Unlock"),
        ("head -c 9000000 /dev/zero > $document; sleep 600", "printed too much", "", ""),
        ("exit 1", "ended early", "left no document", "adb logcat"),
        ("sleep 600", "hangs", "within 5 s", "Unlock"),
    ],
)
def test_an_app_that_fails(app_on_rig, bench, script, what, why, next_step):
    app_on_rig.behave(script)
    with pytest.raises(TopformerError, match=what) as raised:
        # What comes of itself may take its time beside other work.
        bench(patience_s=5.0 if what == "hangs" else 60.0)
    assert why in raised.value.why
    assert next_step in raised.value.next_step
    assert "\x1b" not in str(raised.value)


def test_an_app_that_computes_something_else_in_a_later_block(app_on_rig, bench, rig):
    """Its second start has another picture."""
    program = rig.root / "fixtures/app/bench"
    picture = "/fixtures/app/picture"
    spoil = f"{{ echo x; cat {picture}; }} | head -c {64 * 96 * 3} >/tmp/p; cp /tmp/p {picture}\n"
    program.write_text(program.read_text().replace("mv ", f"{spoil}mv "))
    with pytest.raises(TopformerError, match="computes something else than at first"):
        bench()


def test_an_emulated_device_is_refused(rig, bench):
    with pytest.raises(TopformerError, match="is emulated") as raised:
        bench()
    assert "--via" in raised.value.next_step


def started_bench(rig, small_pte):
    """Start a bench and return it as it measures."""
    command = ["topformer", "bench", "--device", "adb", "--via", "app", "--model", small_pte]
    running = rig.popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in running.stderr:
        if line.startswith("measuring"):
            return running
    pytest.fail("the bench ended before it measured")


def test_ctrl_c_leaves_nothing(app_on_rig, rig, small_pte):
    running = started_bench(rig, small_pte)
    running.send_signal(signal.SIGINT)
    stdout, _ = running.communicate(timeout=LOST_TIMEOUT_S)
    assert (running.returncode, stdout) == (130, "")


def test_a_device_that_is_lost_is_told_with_what_was_left(app_on_rig, rig, small_pte):
    running = started_bench(rig, small_pte)
    rig.device.kill_daemon()
    try:
        stdout, stderr = running.communicate(timeout=LOST_TIMEOUT_S)
    finally:
        rig.device.start()
        rig.connect()
    assert (running.returncode, stdout) == (1, "")
    assert "may be left there" in stderr
    rig.adb("shell", "am force-stop io.topformer.demo; rm -rf /sdcard")
