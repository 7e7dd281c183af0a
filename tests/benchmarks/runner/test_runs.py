"""Whole runs of a real .pte, held against Python's ExecuTorch."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from rig.device import wait_until
from support.runner_calls import Runner
from topformer.benchmarks.documents.conditions import StartingPicture
from topformer.benchmarks.documents.runner import (
    RunnerAbout,
    RunnerBlock,
    RunnerOpened,
    RunnerRun,
    decode_document,
    session_options,
)
from topformer.children import LINE_LIMIT_BYTES
from topformer.files import sha256_bytes
from topformer.images import bench_picture
from topformer.runtimes import open_model
from topformer.tasks.upsampling import upsample_labels

TRIES = 3


@pytest.fixture(scope="module")
def runner(host_runner, tmp_path_factory):
    return Runner(command=host_runner.command, folder=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def pte(exported_tiny):
    return exported_tiny.files[0]


@pytest.fixture(scope="module")
def picture():
    return bench_picture(448, 448).pixels


@pytest.fixture(scope="module")
def options(runner, pte, picture):
    path = runner.folder / "picture.rgb"
    path.write_bytes(picture.tobytes())

    def build(threads=1, warmups=1):
        return session_options(
            pte.manifest, model=pte.path, picture=path, threads=threads, warmups=warmups
        )

    return build


@pytest.fixture(scope="module")
def logits(pte, picture):
    model = open_model(pte.path)
    return model.outputs(picture)[0]


def test_it_says_what_it_is_made_of(runner):
    about = decode_document(runner.call("about").stdout, RunnerAbout)
    assert about.runtime_version.startswith("1.")
    assert (about.build.kind, about.build.c_library) == ("pypi", "glibc")
    assert about.build.compiler == about.compiler


def test_a_run_gives_pythons_logits_and_labels(runner, pte, options, logits, tmp_path):
    output, labels = tmp_path / "logits", tmp_path / "labels"
    done = runner.call(
        "run", *options(), "--samples=3", f"--write-output={output}", f"--write-result={labels}"
    )
    run = decode_document(done.stdout, RunnerRun)
    assert (len(run.samples), len(run.warmups), run.threads, run.profiled) == (3, 1, 1, False)
    assert run.model_sha256 == pte.manifest.file.sha256
    assert run.output_shapes == (pte.manifest.outputs[0].shape,)
    assert run.load_ns > 0
    assert 0 < run.peak_memory_bytes < 2**30
    assert all(sample.total > 0 for sample in run.samples)

    assert run.outputs_sha256 == sha256_bytes(logits.astype("<f4").tobytes())
    expected = upsample_labels(logits, (448, 448)).astype("<u2").tobytes()
    assert run.result_sha256 == sha256_bytes(expected)
    assert output.read_bytes() == logits.tobytes()
    assert labels.read_bytes() == expected


def test_a_run_from_a_larger_picture_gives_what_python_makes_of_it(runner, pte, tmp_path):
    picture = bench_picture(640, 480).pixels
    raw, labels = tmp_path / "picture", tmp_path / "labels"
    raw.write_bytes(picture.tobytes())
    start = StartingPicture(height=640, width=480)
    options = session_options(
        pte.manifest, model=pte.path, picture=raw, starts_with=start, threads=1, warmups=0
    )
    done = runner.call("run", *options, "--samples=1", f"--write-result={labels}")
    run = decode_document(done.stdout, RunnerRun)
    assert run.picture == start
    (logits,) = open_model(pte.path).outputs(picture)
    assert run.outputs_sha256 == sha256_bytes(logits.astype("<f4").tobytes())
    # The result has the network's input size.
    assert labels.read_bytes() == upsample_labels(logits, (448, 448)).astype("<u2").tobytes()


def test_the_hash_is_of_what_runs_whatever_its_path_becomes(runner, pte, options, tmp_path):
    model, other = tmp_path / "model", tmp_path / "other"
    model.write_bytes(pte.path.read_bytes())
    other.write_bytes(b"another file")
    command = [one for one in options(warmups=100) if not one.startswith("--model=")]
    with subprocess.Popen(
        [*runner.command, "serve", f"--model={model}", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        maps = Path(f"/proc/{process.pid}/maps")
        wait_until("the model is mapped", lambda: str(model) in maps.read_text())
        other.replace(model)
        opened = decode_document(process.stdout.read(), RunnerOpened)
    assert opened.model_sha256 == pte.manifest.file.sha256


def test_marking_stages_changes_nothing_where_nobody_counts(runner, options, logits):
    done = runner.call("run", *options(), "--samples=1", "--mark-stages=1")
    run = decode_document(done.stdout, RunnerRun)
    assert run.outputs_sha256 == sha256_bytes(logits.astype("<f4").tobytes())


def test_two_threads_give_the_same_labels_but_for_rounding(runner, options, logits, tmp_path):
    labels = tmp_path / "labels"
    done = runner.call("run", *options(threads=2), "--samples=1", f"--write-result={labels}")
    assert decode_document(done.stdout, RunnerRun).threads == 2
    expected = upsample_labels(logits, (448, 448))
    found = np.fromfile(labels, "<u2").reshape(expected.shape)
    assert (found == expected).mean() > 0.999


@pytest.mark.filterwarnings("ignore:Output Buffer not found")
def test_a_profile_tells_the_time_of_each_operator(runner, options, tmp_path):
    from executorch.devtools import Inspector

    dump = tmp_path / "etdump"
    done = runner.call("run", *options(), "--samples=2", f"--write-profile={dump}")
    assert decode_document(done.stdout, RunnerRun).profiled
    events = [event.name for block in Inspector(str(dump)).event_blocks for event in block.events]
    assert any("Convolution" in name for name in events)


def test_blocks_are_served_until_the_input_ends(runner, options):
    done = runner.call("serve", *options(warmups=2), input=b"3 1\n2 0\n")
    opened, *blocks = done.stdout.splitlines()
    assert done.returncode == 0
    assert len(decode_document(opened, RunnerOpened).warmups) == 2
    found = [decode_document(line, RunnerBlock) for line in blocks]
    assert [(len(b.samples), len(b.warmups)) for b in found] == [(3, 1), (2, 0)]


@pytest.mark.parametrize("request_line", [b"x\n", b"0 1\n", b"1\n", b"1 -1\n", b"9" * 1000])
def test_a_request_that_is_none_ends_the_service(runner, options, request_line):
    done = runner.call("serve", *options(warmups=0), input=request_line)
    assert done.returncode == 2
    assert b'"code":"usage"' in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGABRT", "SIGILL"])
def test_a_crash_is_reported_and_keeps_its_status(runner, options, signal):
    import signal as signals

    number = getattr(signals, signal)
    with subprocess.Popen(
        [*runner.command, "serve", *options(warmups=0)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        decode_document(process.stdout.readline(LINE_LIMIT_BYTES), RunnerOpened)
        process.send_signal(number)
        rest = process.stdout.read()
    assert process.returncode == -number
    assert b'"code":"crashed"' in rest
    assert signal.encode() in rest


def test_a_picture_becomes_labels_in_little_more_than_the_network_alone(runner, options):
    """The promise is 1.10; the parts are timed in one process, so load slows all of them."""
    ratios = []
    for _ in range(TRIES):
        done = runner.call("run", *options(warmups=5), "--samples=40")
        samples = decode_document(done.stdout, RunnerRun).samples
        ratios.append(np.median([sample.total / sample.execute for sample in samples]))
        if ratios[-1] <= 1.10:
            return
    pytest.fail(f"ratios {ratios}")
