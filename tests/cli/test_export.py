"""The export, verify, inspect and doctor verbs, as a user types them."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import jsonschema
import msgspec
import pytest
from PIL import Image

from support.command import run_command
from topformer.manifest import manifest_path
from topformer.verbs.doctor import DoctorDocument
from topformer.verbs.export import ExportDocument, suggest_size
from topformer.verbs.inspect import InspectDocument
from topformer.verbs.verify import VerifyDocument


def document(result, kind):
    """Parse stdout as exactly one document that its schema accepts."""
    parsed = json.loads(result.stdout)
    jsonschema.validate(parsed, msgspec.json.schema(kind))
    return parsed


def test_export_json_lists_the_files(random_export):
    folder, result = random_export
    assert result.returncode == 0, result.stderr
    parsed = document(result, ExportDocument)
    assert parsed["schema"] == "topformer.export/1.2"
    assert parsed["passed"] is True
    assert parsed["random_weights"] is True
    assert [file["target"] for file in parsed["files"]] == ["onnx", "xnnpack"]
    for file in parsed["files"]:
        path = folder / file["path"]
        assert path.stat().st_size == file["size_bytes"]
        assert file["parity"]["passed"] is True
        assert file["precision"] == "fp32"
        assert manifest_path(path).exists()


def test_export_announces_random_weights_and_shows_the_proof(random_export):
    _, result = random_export
    assert "RANDOM" in result.stderr
    assert "verified" in result.stderr
    assert "lowering to xnnpack" in result.stderr


@pytest.mark.parametrize(
    ("picture_size", "told"),
    [((360, 480), "--image-size 384x512 costs the same"), ((448, 448), ""), (None, "")],
)
def test_export_names_the_size_that_keeps_the_training_pictures_shape(
    exported_tiny, capsys, picture_size, told
):
    suggest_size(replace(exported_tiny, picture_size=picture_size))
    found = capsys.readouterr().err
    assert told in found
    assert bool(found) == bool(told)


@pytest.mark.slow
def test_export_of_int8_says_what_with_and_what_it_lost(tmp_path, folder, tiny_of_three):
    words = ["export", "--target", "onnx", "--precision", "int8", "--image-size", "64", "--json"]
    words += ["--weights", tiny_of_three, "--dataset", "folder", "--data", folder]
    result = run_command(*words, "--max-miou-drop", "50", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (file,) = document(result, ExportDocument)["files"]
    assert file["path"] == "out/topformer-tiny-64x64-onnx-int8.onnx"
    assert file["precision"] == "int8"
    assert file["calibration"] == {"source": "bundled pictures", "pictures": 8, "seed": 0}
    assert file["float_layers"] == []
    assert file["parity"]["score"]["pictures"] == 2
    assert file["parity"]["score"]["max_drop"] == 50
    assert "calibrated with the bundled pictures" in result.stderr
    assert "mIoU on folder val" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--task", "panoptic"], "no task called 'panoptic'"),
        (["--max-drop", "1"], "--max-drop is measured on data"),
        (["--max-miou-drop", "1"], "--max-drop is measured on data"),
        (["--dataset", "folder", "--data", "{data}", "--max-drop", "nan"], "no number of points"),
        (["--dataset", "folder", "--data", "{data}", "--max-drop", "inf"], "no number of points"),
        (["--precision", "int8", "--data", "{data}"], "--data alone is not used"),
        (["--calibration", "{data}/images/train"], "--calibration is not used in fp32"),
        (["--head", "ssd"], "no detection head called 'ssd'"),
        (
            ["--task", "segmentation", "--weights", "random", "--head", "lite"],
            "Leave one of the two out",
        ),
    ],
)
def test_export_refuses_what_cannot_be(tmp_path, folder, words, told):
    named = [word.replace("{data}", str(folder)) for word in words]
    result = run_command("export", *named, cwd=tmp_path)
    assert result.returncode == 2
    assert told in result.stderr
    assert not list((tmp_path / "out").glob("*"))


def test_verify_from_the_command_line(random_export):
    folder, _ = random_export
    path = "out/topformer-tiny-64x96-xnnpack.pte"
    result = run_command("verify", path, "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    parsed = document(result, VerifyDocument)
    assert parsed["passed"] is True
    assert parsed["against"] == "manifest"
    assert run_command("verify", path, cwd=folder).stdout == f"{path}: verified\n"


def test_verify_against_weights_takes_ones_own_pictures(random_export, tmp_path):
    folder, _ = random_export
    Image.new("RGB", (50, 70), "teal").save(tmp_path / "mine.png")
    words = ["--weights", "random", "--images", tmp_path, "--json"]
    result = run_command("verify", "out/topformer-tiny-64x96-onnx.onnx", *words, cwd=folder)
    assert result.returncode == 0, result.stderr
    parsed = document(result, VerifyDocument)
    assert (parsed["passed"], parsed["against"]) == (True, "weights")
    inputs = [one["input"] for one in parsed["parity"]["steps"][-1]["inputs"]]
    assert "image:mine.png" in inputs


def test_verify_of_a_changed_file_exits_with_1(random_export, tmp_path):
    folder, _ = random_export
    name = "topformer-tiny-64x96-onnx.onnx"
    (tmp_path / name).write_bytes((folder / "out" / name).read_bytes() + b"\0")
    (tmp_path / name).with_suffix(".json").write_bytes(
        (folder / "out" / name).with_suffix(".json").read_bytes()
    )
    result = run_command("verify", name, "--json", cwd=tmp_path)
    assert result.returncode == 1
    error = json.loads(result.stdout)
    assert error["schema"] == "topformer.error/1"
    assert "not the file its manifest describes" in error["what"]
    assert "next:" in result.stderr


@pytest.mark.parametrize(
    ("words", "what", "helps"),
    [
        (["export", "--nope"], "No such option: --nope", "topformer export --help"),
        (["models", "tiny"], "Got unexpected extra argument(s) (tiny)", "topformer models --help"),
        (["exprot"], "No such command 'exprot'.", "topformer --help"),
    ],
)
def test_misuse_is_one_document_too(words, what, helps):
    result = run_command(*words, "--json")
    assert result.returncode == 2
    error = json.loads(result.stdout)
    assert error["schema"] == "topformer.error/1"
    assert error["what"].startswith(what)
    assert helps in error["next_step"]
    assert what in result.stderr


def test_inspect_shows_what_is_inside(random_export):
    folder, _ = random_export
    result = run_command("inspect", "out/topformer-tiny-64x96-xnnpack.pte", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    parsed = document(result, InspectDocument)
    assert parsed["graph"]["format"] == "ExecuTorch program"
    assert parsed["manifest"]["model"]["variant"] == "tiny"
    assert parsed["profile"] is None
    text = run_command("inspect", "out/topformer-tiny-64x96-xnnpack.pte", cwd=folder).stdout
    assert "RANDOM" in text
    assert "outside: 1 x aten._adaptive_avg_pool2d.default" in text


@pytest.mark.parametrize("name", ["xnnpack.pte", "onnx.onnx"])
def test_inspect_profiles_both_runtimes(random_export, name):
    folder, _ = random_export
    path = f"out/topformer-tiny-64x96-{name}"
    result = run_command(
        "inspect", path, "--profile", "--plot", "profile.png", "--json", cwd=folder
    )
    assert result.returncode == 0, result.stderr
    parsed = document(result, InspectDocument)
    assert sum(entry["share"] for entry in parsed["profile"]) == pytest.approx(1.0)
    assert any("onv" in entry["operator"] for entry in parsed["profile"])
    assert (folder / "profile.png").read_bytes().startswith(b"\x89PNG")


def test_inspect_of_a_checkpoint(golden_path):
    parsed = document(run_command("inspect", golden_path, "--json"), InspectDocument)
    assert parsed["graph"] is None
    assert parsed["manifest"]["classes"]["names"][0] == "wall"
    assert parsed["random_weights"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["export", "--size", "huge"], 2, "tiny, small, base"),
        (["export", "--image-size", "12"], 2, "64"),
        (["export", "--target", "coreml"], 2, "onnx, xnnpack"),
        (["export", "--precision", "int4"], 2, "fp16, fp32, int8"),
        (["export", "--calibration", "nowhere"], 2, "There is no folder nowhere"),
        (["export", "--weights", "no-such-file.pth"], 2, "no-such-file.pth"),
        (["verify", "missing.pte"], 2, "missing"),
    ],
)
def test_mistakes_say_what_to_do(tmp_path, arguments, code, words):
    result = run_command(*arguments, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    result = run_command("export", "--image-size", "64", "--out", "file/out", cwd=tmp_path)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "file/out cannot be written to" in result.stderr
    assert "lowering" not in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "left"),
    [
        ("lowering to onnx", []),
        (
            "lowering to xnnpack",
            ["topformer-tiny-64x64-onnx.json", "topformer-tiny-64x64-onnx.onnx"],
        ),
    ],
)
def test_ctrl_c_leaves_whole_files_or_none(tmp_path, stage, left):
    arguments = ["export", "--weights", "random", "--image-size", "64", "--out", str(tmp_path)]
    arguments += ["--target", "onnx", "--target", "xnnpack"]
    with subprocess.Popen(
        [sys.executable, "-c", "from topformer.cli.main import main; main()", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert any(stage in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert process.returncode == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == left


@pytest.mark.slow
def test_doctor_runs_every_runtime(tmp_path):
    # What lies in the folder at hand is never imported.
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken for numpy')")
    result = run_command("doctor", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    parsed = document(result, DoctorDocument)
    states = {check["name"]: check["state"] for check in parsed["checks"]}
    assert parsed["healthy"] is True
    for kind in ("torch", "executorch", "onnxruntime"):
        assert [c["state"] for c in parsed["checks"] if c["name"] == kind] == ["ok", "ok"]
    assert states["adb"] in {"ok", "optional"}
    assert [path.name for path in tmp_path.iterdir()] == ["numpy.py"]
