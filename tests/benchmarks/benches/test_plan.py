import shutil

import pytest

from support.vouching import halve
from topformer.benchmarks.benches import plan
from topformer.benchmarks.benches.plan import default_exports, name_rows, plan_files, plan_size
from topformer.errors import TopformerError, UsageError
from topformer.manifest import manifest_path
from topformer.weights import load_weights

HD = (448, 448)


def names(requests):
    return [request.name for request in requests]


def test_each_runtime_form_and_thread_count_is_a_row():
    sources = [("m.pte", "executorch"), ("m.onnx", "onnxruntime"), ("tiny", "torch")]
    rows = name_rows(sources, threads=[1, 2, 1], image_size=HD)
    assert names(rows)[:4] == [
        "executorch, 1 thread",
        "onnxruntime, 1 thread",
        "torch (eager, BatchNorm unfused), 1 thread",
        "torch (eager, BatchNorm fused), 1 thread",
    ]
    assert len(rows) == 8
    assert [row.threads for row in rows] == [1] * 4 + [2] * 4
    assert {row.image_size for row in rows} == {HD}


def test_several_files_of_one_runtime_are_told_apart():
    rows = name_rows(
        [("d/a.pte", "executorch"), ("d/b.pte", "executorch")], threads=[1], image_size=HD
    )
    assert names(rows) == ["a.pte, executorch, 1 thread", "b.pte, executorch, 1 thread"]


def test_files_of_one_name_are_told_apart_by_their_folders():
    paths = ["a/m.pte", "b/a/m.pte", "n.pte"]
    rows = name_rows([(path, "executorch") for path in paths], threads=[1], image_size=HD)
    assert [name.partition(",")[0] for name in names(rows)] == ["a/m.pte", "b/a/m.pte", "n.pte"]


def test_addresses_that_differ_in_their_query_are_told_apart_without_it():
    sources = [(f"https://x.org/get?id={key}", "torch") for key in ("s1", "s2")]
    told = names(name_rows(sources, threads=[1], image_size=HD))
    assert len(set(told)) == len(told) == 4
    assert not any("again" in name or "id=" in name for name in told)


def test_a_file_named_twice_is_measured_twice():
    rows = name_rows([("a.pte", "executorch")] * 2, threads=[1], image_size=HD)
    assert names(rows) == ["executorch, 1 thread", "executorch, 1 thread (again, 2)"]


def test_a_file_picks_its_runtime(exported_tiny, golden_path):
    files = [str(file.path) for file in exported_tiny.files]
    rows = plan_files([*files, str(golden_path)], runtimes=[], threads=[1], image_size=None)
    assert [row.runtime for row in rows] == ["executorch", "onnxruntime", "torch", "torch"]


@pytest.mark.parametrize("runtimes", [[], ["runner"]])
def test_a_file_that_does_not_run_is_refused_before_any_worker_starts(model, runtimes):
    halve(model)
    with pytest.raises(TopformerError, match="cannot load"):
        plan_files([str(model)], runtimes=runtimes, threads=[1], image_size=None)


def test_a_file_does_not_run_on_another_runtime(exported_tiny):
    with pytest.raises(UsageError, match="runs on executorch, not on torch"):
        plan_files(
            [str(exported_tiny.files[0].path)], runtimes=["torch"], threads=[1], image_size=None
        )


def test_the_runner_runs_what_executorch_runs_and_only_when_asked(exported_tiny):
    pte = str(exported_tiny.files[0].path)

    def runtimes(*asked):
        rows = plan_files([pte], runtimes=asked, threads=[1], image_size=None)
        return [row.runtime for row in rows]

    assert runtimes() == ["executorch"]
    assert runtimes("runner") == ["runner"]
    assert runtimes("runner", "torch", "executorch", "runner") == ["runner", "executorch"]


def test_the_runner_shares_the_export_of_executorch(monkeypatch, tmp_path):
    asked = []

    def exports(_size, *, runtimes, **_):
        asked.append(runtimes)
        return {runtime: tmp_path / runtime for runtime in runtimes}

    monkeypatch.setattr(plan, "default_exports", exports)
    rows = plan_size(
        "tiny",
        runtimes=["runner", "executorch"],
        threads=[1],
        image_size=HD,
        cache=tmp_path,
        on_progress=print,
    )
    assert asked == [["executorch"]]
    assert names(rows) == ["runner, 1 thread", "executorch, 1 thread"]
    assert {row.source for row in rows} == {str(tmp_path / "executorch")}


def test_a_detector_is_drawn_once_for_all_runtimes(monkeypatch, tmp_path):
    asked = []

    def exports(weights, **_):
        asked.append(weights)
        return {"executorch": tmp_path / "a.pte"}

    monkeypatch.setattr(plan, "default_exports", exports)
    rows = plan_size(
        "tiny",
        detection_head="lite",
        runtimes=["executorch", "torch"],
        threads=[1],
        image_size=HD,
        cache=tmp_path,
        on_progress=print,
    )
    assert [row.runtime for row in rows] == ["executorch", "torch", "torch"]
    assert asked == [rows[1].source]
    loaded = load_weights(rows[1].source, task="object-detection", detection_head="lite")
    assert loaded.info.is_random
    assert loaded.info.name == "tiny-lite-random"


def test_an_unknown_head_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="no detection head called 'tail'"):
        plan_size(
            "tiny", detection_head="tail", runtimes=["torch"], threads=[1], image_size=HD,
            cache=tmp_path, on_progress=print,
        )  # fmt: skip


def planned(model, **named):
    return plan_files([str(model)], runtimes=[], threads=[1], image_size=None, **named)


def test_a_file_says_what_it_is_for(model, detector_pte):
    assert planned(detector_pte, task="object-detection", detection_head="lite")
    assert planned(model, task="semantic-segmentation")
    with pytest.raises(TopformerError, match="is not for object-detection") as raised:
        planned(model, task="object-detection")
    assert "semantic-segmentation" in raised.value.why
    with pytest.raises(TopformerError, match="is not for semantic-segmentation"):
        planned(detector_pte, task="semantic-segmentation")
    with pytest.raises(TopformerError, match="is not for retinanet") as raised:
        planned(detector_pte, task="object-detection", detection_head="retinanet")
    assert "object-detection lite" in raised.value.why


@pytest.mark.parametrize("runtimes", [[], ["runner"]])
def test_a_file_is_not_measured_at_another_size_than_its_own(model, runtimes):
    assert plan_files([str(model)], runtimes=runtimes, threads=[1], image_size=(64, 96))
    with pytest.raises(TopformerError, match="takes pictures of 64x96 only"):
        plan_files([str(model)], runtimes=runtimes, threads=[1], image_size=HD)


def test_a_missing_file_is_refused_before_any_worker_starts(tmp_path):
    with pytest.raises(TopformerError):
        plan_files([str(tmp_path / "none.pte")], runtimes=[], threads=[1], image_size=None)


def test_torch_needs_no_export(tmp_path):
    rows = plan_size(
        "small", runtimes=["torch"], threads=[1], image_size=HD, cache=tmp_path, on_progress=print
    )
    assert [row.source for row in rows] == ["small", "small"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_an_unknown_size_is_wrong_usage(runtime, tmp_path):
    with pytest.raises(UsageError, match="huge"):
        plan_size(
            "huge",
            runtimes=[runtime],
            threads=[1],
            image_size=HD,
            cache=tmp_path,
            on_progress=print,
        )


def test_an_unknown_runtime_is_wrong_usage():
    with pytest.raises(UsageError, match="no runtime called 'ncnn'"):
        plan.check_runtimes(["torch", "ncnn"])


class CountingExport:
    """Stands in for the export: copies a file that was exported before."""

    def __init__(self, exported):
        self.exported = {file.manifest.file.target: file for file in exported.files}
        self.calls = []

    def __call__(self, *, weights, targets, out_dir, **_):
        from topformer.export import ExportResult

        self.calls.append((weights, *targets))
        copies = []
        for target in targets:
            source = self.exported[target]
            path = out_dir / source.path.name
            shutil.copy(source.path, path)
            shutil.copy(source.manifest_path, manifest_path(path))
            copies.append(type(source)(path=path, manifest=source.manifest))
        return ExportResult(files=tuple(copies), picture_size=None)


@pytest.fixture
def counting_export(exported_tiny, monkeypatch):
    export = CountingExport(exported_tiny)
    monkeypatch.setattr("topformer.export.export_model", export)
    return export


def exports(cache, *, image_size=HD):
    return default_exports(
        "tiny",
        runtimes=["executorch", "onnxruntime"],
        image_size=image_size,
        cache=cache,
        on_progress=lambda _: None,
    )


def test_exports_are_made_once_and_kept(counting_export, tmp_path):
    first = exports(tmp_path)
    assert counting_export.calls == [("tiny", "xnnpack", "onnx")]
    assert first["executorch"].suffix == ".pte"
    assert first["onnxruntime"].suffix == ".onnx"
    assert exports(tmp_path) == first
    assert len(counting_export.calls) == 1


def test_another_size_or_library_version_is_another_export(counting_export, tmp_path, monkeypatch):
    first = exports(tmp_path)
    assert exports(tmp_path, image_size=(512, 512)) != first
    monkeypatch.setattr(plan, "library_versions", lambda: {"torch": "99"})
    assert exports(tmp_path) != first
    assert len(counting_export.calls) == 3


def test_a_kept_file_that_was_tampered_with_is_exported_again(counting_export, tmp_path):
    path = exports(tmp_path)["executorch"]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert exports(tmp_path)["executorch"].read_bytes() == whole
    assert counting_export.calls == [("tiny", "xnnpack", "onnx"), ("tiny", "xnnpack")]
