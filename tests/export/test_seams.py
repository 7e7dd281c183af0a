"""Targets, runtimes and precisions are added by adding modules: here, from outside the package."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from topformer import open_model
from topformer.benchmarks.profiling import profile
from topformer.cli.main import build_command
from topformer.data import open_dataset
from topformer.errors import TopformerError, UsageError
from topformer.export import export_model, precisions, targets
from topformer.export.calibration import folder_calibration
from topformer.export.precisions import get_precision, precision_names
from topformer.export.proof import FP32_GATES
from topformer.export.scoring import JudgingData
from topformer.export.targets import get_target, target_names
from topformer.export.verification import verify_file
from topformer.manifest import CalibrationInfo, read_manifest_of
from topformer.runtimes import exported, find_runtime, inspect_graph
from topformer.runtimes.exported import get_runtime, runtime_names
from topformer.verbs.doctor import _runtime_names
from topformer.verbs.probe import TOLERANCE, probe

pytestmark = pytest.mark.slow

ADDED = Path(__file__).parent / "added"
PACKAGES = {"targets": targets, "precisions": precisions, "runtimes": exported}


@pytest.fixture(autouse=True, scope="module")
def added():
    """Let each package's folder go on in another one."""
    with pytest.MonkeyPatch.context() as patch:
        for folder, package in PACKAGES.items():
            patch.setattr(package, "__path__", [*package.__path__, str(ADDED / folder)])
        yield


@pytest.fixture(scope="module")
def small(added, tmp_path_factory):
    """Export to the added target in the added precision, once."""
    return export_small(tmp_path_factory.mktemp("out"))


def export_small(folder):
    (file,) = export_model(
        weights="random",
        targets=["program"],
        precisions=["rounded"],
        image_size=(64, 64),
        out_dir=folder,
    ).files
    return file


def test_they_are_found():
    assert target_names() == ["onnx", "program", "xnnpack"]
    assert precision_names() == ["fp16", "fp32", "int8", "rounded", "stepped"]
    assert runtime_names() == ["executorch", "onnxruntime", "torch_export"]
    assert find_runtime("a/MODEL.PT2").name == "torch_export"
    assert find_runtime("https://host/MODEL.PT2?name=x.pth").name == "torch_export"
    assert find_runtime("https://host/w.pth?name=x.pt2") is None


def test_the_file_is_proved_through_every_step(small):
    parity = small.manifest.parity
    assert parity.passed
    assert [step.step for step in parity.steps] == ["float32", "fused", "rounded", "file"]
    _, fused, rounded, file = parity.steps
    assert parity.gates == get_precision("rounded").gates
    assert {entry.required for entry in fused.inputs} == {FP32_GATES}
    assert {entry.required for entry in (*rounded.inputs, *file.inputs)} == {parity.gates}
    assert fused.worst.sqnr_db > 90 > rounded.worst.sqnr_db


def test_the_file_says_what_it_is(small):
    assert small.path.name == "topformer-tiny-64x64-program-rounded.pt2"
    assert (small.manifest.file.target, small.manifest.file.precision) == ("program", "rounded")


def test_the_file_is_verified(small):
    for weights in (None, "random"):
        _, parity = verify_file(small.path, weights=weights)
        assert parity.passed
        assert parity.gates == get_precision("rounded").gates


def test_the_file_is_opened_inspected_and_profiled(small):
    model = open_model(small.path)
    assert model.runtime == "torch_export"
    assert model.run(np.zeros((1, 3, 64, 64), np.float32))[0].shape == (1, 150, 8, 8)
    graph = inspect_graph(small.path)
    assert [one.shape for one in graph.inputs] == [(1, 3, 64, 64)]
    assert [one.shape for one in graph.outputs] == [(1, 150, 8, 8)]
    assert [entry.operator for entry in profile(small.path, model, runs=1)] == ["program"]
    shown = CliRunner().invoke(build_command("inspect"), ["inspect", str(small.path)])
    assert "exported: program rounded by torch 1" in shown.stdout
    assert "graph: torch.export; " in shown.stdout


def test_doctor_probes_the_runtime():
    assert "torch_export" in _runtime_names()
    assert probe("torch_export") <= TOLERANCE


def test_a_precision_that_misses_its_gates_names_its_first_module(tmp_path, monkeypatch):
    strict = replace(get_precision("rounded"), gates=FP32_GATES)
    monkeypatch.setattr("topformer.export.precisions.rounded.PRECISION", strict)
    file = export_small(tmp_path)
    assert file.path.name.endswith(".pt2.failed")
    assert file.manifest.parity.first_divergence == "rounded: backbone.tpm.stem"


@pytest.fixture(scope="module")
def stepped(added, folder, tiny_of_three, tmp_path_factory):
    """Export in the added precision that is calibrated, judged on data, once."""
    return export_model(
        weights=str(tiny_of_three),
        precisions=["fp32", "stepped"],
        targets=["program"],
        image_size=(64, 64),
        out_dir=tmp_path_factory.mktemp("stepped"),
        calibration=folder_calibration(folder / "images/train", pictures=3, seed=1),
        judging=JudgingData(dataset=open_dataset("folder", folder), max_drop=0.5),
    )


def test_a_calibrated_precision_says_what_with(stepped):
    plain, calibrated = stepped.files
    assert plain.manifest.file.calibration is None
    assert calibrated.manifest.file.calibration == CalibrationInfo(
        source="train", pictures=3, seed=1
    )
    assert calibrated.manifest.file.float_layers == ("backbone",)
    assert read_manifest_of(calibrated.path) == calibrated.manifest


def test_files_are_judged_on_data(stepped):
    plain, calibrated = (file.manifest.parity.score for file in stepped.files)
    assert (plain.dataset, plain.split, plain.pictures) == ("folder", "val", 2)
    assert plain.miou == pytest.approx(plain.float32_miou, abs=1e-3)
    assert calibrated.drop <= calibrated.max_drop == 0.5


def test_a_file_that_loses_too_much_fails_its_proof(added, folder, tiny_of_three, tmp_path):
    judging = JudgingData(dataset=open_dataset("folder", folder), max_drop=-1.0)
    (file,) = export_model(
        weights=str(tiny_of_three),
        targets=["program"],
        image_size=(64, 64),
        out_dir=tmp_path,
        judging=judging,
    ).files
    assert file.path.name.endswith(".failed")
    assert all(step.passed for step in file.manifest.parity.steps)
    assert file.manifest.parity.first_divergence == ""


def test_verify_leaves_out_the_step_of_a_calibrated_precision(stepped, tiny_of_three):
    path = stepped.files[1].path
    _, parity = verify_file(path, weights=str(tiny_of_three))
    assert parity.passed
    assert [step.step for step in parity.steps] == ["float32", "fused", "file"]


@pytest.mark.parametrize("targets", [["onnx"], ["program", "onnx"], None])
def test_a_precision_that_is_not_for_a_target_is_refused(added, tmp_path, targets):
    with pytest.raises(UsageError, match="no stepped for") as caught:
        export_model(
            weights="random",
            precisions=["stepped"],
            targets=targets,
            image_size=(64, 64),
            out_dir=tmp_path,
        )
    assert "program" in caught.value.why


@pytest.mark.parametrize(
    ("get", "known"),
    [
        (get_target, "onnx, program, xnnpack"),
        (get_precision, "fp32, int8, rounded, stepped"),
        (get_runtime, "executorch, onnxruntime, torch_export"),
    ],
)
def test_an_unknown_one_names_the_known_ones(get, known):
    with pytest.raises(UsageError, match="coreml") as caught:
        get("coreml")
    assert known in caught.value.next_step


@pytest.mark.parametrize("text", ["SUFFIX = '.half'", "TARGET = 3", "from .program import TARGET"])
def test_an_incomplete_one_says_what_it_lacks(tmp_path, monkeypatch, text):
    (tmp_path / "half.py").write_text(text)
    monkeypatch.setattr(targets, "__path__", [*targets.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "topformer.export.targets.half", raising=False)
    with pytest.raises(TopformerError, match="incomplete") as caught:
        get_target("half")
    assert "name, runtime, lower" in caught.value.why
