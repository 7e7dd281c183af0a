"""The runner as a row of `bench --device host`."""

from dataclasses import replace

import pytest

from topformer.benchmarks.documents.conditions import StartingPicture
from topformer.benchmarks.workers.host import start_worker
from topformer.benchmarks.workers.rows import RowRequest
from topformer.errors import TopformerError


@pytest.fixture
def cache(monkeypatch, host_runner, runner_cache):
    """Let workers find the runner that was built for all tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(runner_cache.parents[1]))


def request(source, threads=1):
    return RowRequest(name="runner", source=str(source), runtime="runner", threads=threads)


def test_it_loads_and_measures_like_any_worker(cache, exported_tiny):
    file = exported_tiny.files[0]
    with start_worker(request(file.path, threads=2)) as worker:
        loaded = worker.load(warmups=2)
        measured = worker.measure(samples=3, warmups=1)
        assert (loaded.model, loaded.sha256) == (file.path.name, file.manifest.file.sha256)
        assert loaded.image_size == (448, 448)
        assert loaded.picture == StartingPicture(height=448, width=448)
        assert (loaded.build.kind, loaded.build.c_library) == ("pypi", "glibc")
        assert len(loaded.warmups) == 2
        assert (len(measured.samples), len(measured.warmups)) == (3, 1)
        assert 0 < measured.peak_memory_bytes < 300e6
        assert measured.cpu_ns > 0
        runner = worker.conversation.process
        assert runner.poll() is None
    assert runner.poll() is not None


@pytest.mark.parametrize("runtime", ["runner", "executorch"])
def test_both_workers_begin_with_the_picture_that_was_asked_for(cache, exported_tiny, runtime):
    file = exported_tiny.files[0]
    asked = replace(request(file.path), runtime=runtime, picture="480x640")
    with start_worker(asked) as worker:
        loaded = worker.load(warmups=1)
        measured = worker.measure(samples=3, warmups=0)
    assert loaded.picture == StartingPicture(height=480, width=640)
    assert (loaded.image_size, loaded.picture_name) == ((448, 448), "china")
    assert all(sample.preprocess > 0 for sample in measured.samples)


@pytest.mark.parametrize("runtime", ["runner", "executorch"])
def test_a_detector_is_a_row_like_any_other(cache, detector_pte, runtime):
    with start_worker(replace(request(detector_pte), runtime=runtime)) as worker:
        loaded = worker.load(warmups=1)
        measured = worker.measure(samples=3, warmups=0)
    assert (loaded.task, loaded.detection_head) == ("object-detection", "lite")
    assert (loaded.classes, loaded.image_size) == (3, (64, 64))
    assert all(sample.postprocess > 0 for sample in measured.samples)


def test_a_file_that_is_refused_says_so(cache, exported_tiny, tmp_path):
    broken = tmp_path / "model.pte"
    broken.write_bytes(b"no program")
    broken.with_suffix(".json").write_bytes(exported_tiny.files[0].manifest_path.read_bytes())
    with (
        start_worker(request(broken)) as worker,
        pytest.raises(TopformerError, match="is not the file its manifest describes"),
    ):
        worker.load(warmups=0)


def test_a_runner_that_dies_is_reported_by_name(cache, exported_tiny):
    with start_worker(request(exported_tiny.files[0].path)) as worker:
        worker.load(warmups=0)
        worker.conversation.process.kill()
        with pytest.raises(TopformerError, match="'runner' crashed") as raised:
            worker.measure(samples=1, warmups=0)
    assert "SIGKILL" in raised.value.why
