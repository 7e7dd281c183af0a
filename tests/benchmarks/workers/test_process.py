import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from topformer.benchmarks.workers.host import start_worker
from topformer.benchmarks.workers.process import Patience
from topformer.benchmarks.workers.rows import RowRequest
from topformer.errors import TopformerError

pytestmark = pytest.mark.slow

FAKE = Path(__file__).parents[2] / "support" / "fake_worker.py"
REQUEST = RowRequest(name="fake, 1 thread", source="fake", runtime="torch", threads=1)


def start(how: str, request: RowRequest = REQUEST, patience: Patience | None = None):
    command = [sys.executable, str(FAKE), how]
    return start_worker(request, command=command, patience=patience or Patience())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition) -> bool:
    deadline = time.monotonic() + 20
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return met


def test_a_worker_loads_then_measures_and_its_prints_do_no_harm():
    with start("well") as worker:
        loaded = worker.load(warmups=2)
        measured = worker.measure(samples=3, warmups=1)
    assert (loaded.model, loaded.variant, loaded.image_size) == ("fake", "tiny", (64, 64))
    assert loaded.weights_random
    assert len(loaded.warmups) == 2
    assert len(measured.samples) == 3
    assert len(measured.warmups) == 1
    for sample in (loaded.first, *measured.samples):
        assert sample.execute >= 1_000_000  # the fake sleeps that long
        assert sample.total == sample.preprocess + sample.execute + sample.postprocess
    assert measured.peak_memory_bytes > 2**20


@pytest.mark.parametrize(
    ("how", "complaint", "why"),
    [
        ("exit", "ended early", "cannot find the library"),
        ("crash", "crashed", "SIGSEGV"),
        ("lost", "ended early", "exit status is 255"),
        ("hang", "hangs", "no answer within 0.5 s"),
        ("garbage", "something else than a result", "is torn off or not one of"),
        ("torn", "something else than a result", "is torn off or not one of"),
        ("out of turn", "something else than a result", "RunnerBlock where RunnerOpened was due"),
        ("endless", "sent an endless line", "4,194,304 bytes"),
        ("close", "closed its output", "without answering"),
    ],
)
def test_a_worker_that_fails_is_named_and_killed(how, complaint, why):
    patience = Patience(load_s=0.5 if how == "hang" else 60.0)
    with start(how, patience=patience) as worker:
        with pytest.raises(TopformerError) as caught:
            worker.load(warmups=0)
        assert not is_alive(worker.conversation.process.pid)
    assert "'fake, 1 thread'" in caught.value.what
    assert complaint in caught.value.what
    assert why in caught.value.why
    assert caught.value.next_step


def test_an_error_that_the_worker_explains_is_passed_on():
    request = RowRequest(name="row", source="refused", runtime="torch", threads=1)
    with start("well", request) as worker, pytest.raises(TopformerError) as caught:
        worker.load(warmups=0)
    assert "'row'" in caught.value.what
    assert "The file is refused." in caught.value.what
    assert caught.value.why == "It is fake.\nAll of it."
    assert caught.value.next_step == "Buy a real one."


def test_a_flood_on_stderr_neither_blocks_nor_fills_memory():
    with start("stderr") as worker:
        worker.load(warmups=0)
        assert len(worker.conversation._stderr_tail) <= 2000


FAULTS = """
import resource, sys
import numpy as np
for number in range(200):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [np.ones(2_000_000, np.uint8) for _ in range(4)]
    del blocks
sys.exit(f"{resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before} faults in the last run")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")
def test_workers_keep_the_memory_they_have_used():
    command = [sys.executable, "-c", FAULTS]
    with start_worker(REQUEST, command=command) as worker, pytest.raises(TopformerError) as caught:
        worker.load(warmups=0)
    faults = int(re.search(r"(\d+) faults", caught.value.why)[1])
    assert faults < 100  # 8 MB are 2000 pages


def test_a_worker_dies_with_an_error_of_the_host():
    with contextlib.suppress(RuntimeError), start("well") as worker:
        worker.load(warmups=0)
        assert is_alive(worker.conversation.process.pid)
        raise RuntimeError
    assert not is_alive(worker.conversation.process.pid)


HOST = """
import sys
from topformer.benchmarks.workers.host import start_worker
from topformer.benchmarks.workers.rows import RowRequest
request = RowRequest(name="row", source="fake", runtime="torch", threads=1)
with start_worker(request, command=[sys.executable, *sys.argv[1:]]) as worker:
    worker.load(warmups=0)
    while True:
        worker.measure(samples=5, warmups=0)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_host(end, tmp_path):
    pid_file = tmp_path / "pid"
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(FAKE), "well", str(pid_file)],
        stderr=subprocess.DEVNULL,
    )
    assert wait_until(lambda: pid_file.exists() and pid_file.read_text())
    pid = int(pid_file.read_text())
    assert is_alive(pid)
    host.send_signal(end)
    assert host.wait(20) != 0
    assert wait_until(lambda: not is_alive(pid))
