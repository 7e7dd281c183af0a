"""The sensitivity verb, as a user types it."""

import json

import jsonschema
import msgspec
import pytest

from support.command import run_command
from topformer.verbs.sensitivity.document import SensitivityDocument

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def measured(folder, tiny_of_three, tmp_path_factory):
    """Measure a drawn Tiny of three classes on the small data set, once."""
    home = tmp_path_factory.mktemp("sensitivity")
    words = ["sensitivity", "--weights", tiny_of_three, "--image-size", "64", "--json"]
    words += ["--calibration", "folder", "--dataset", "folder", "--data", folder]
    words += ["--pictures", "1", "--calibration-size", "2", "--gap"]
    return home, run_command(*words, cwd=home)


def test_every_layer_has_a_cost(measured):
    _, result = measured
    assert result.returncode == 0, result.stderr
    parsed = json.loads(result.stdout)
    jsonschema.validate(parsed, msgspec.json.schema(SensitivityDocument))
    layers = {one["layer"]: one for one in parsed["layers"]}
    assert len(layers) == len(parsed["layers"]) > 66
    assert next(iter(layers)) == "backbone.tpm.stem.0.c"
    assert "decode_head.conv_seg" in layers
    assert parsed["pictures"] == 1
    assert parsed["calibration"] == {"source": "folder train", "pictures": 2, "seed": 0}
    assert all(one["sqnr_db"] > parsed["whole"]["sqnr_db"] for one in layers.values())
    assert all(one["score_drop"] is not None for one in layers.values())
    # XNNPACK adds what the simulation does, in another order.
    assert 25 < parsed["gap"]["sqnr_db"] < 250
    assert parsed["gap"]["result_agreement"] > 0.9


def test_the_same_is_written_and_drawn(measured):
    home, result = measured
    assert json.loads((home / "out" / "sensitivity.json").read_text()) == json.loads(result.stdout)
    assert (home / "out" / "sensitivity.png").read_bytes().startswith(b"\x89PNG")
    assert "all layers" in result.stderr


def test_data_of_other_classes_are_refused(folder, tmp_path):
    words = ["sensitivity", "--image-size", "64", "--dataset", "folder", "--data", folder]
    result = run_command(*words, "--weights", "tiny", cwd=tmp_path)
    assert result.returncode == 1
    assert "11 classes" in result.stderr


def test_a_detectors_layers_cost_boxes(detector_weights, tmp_path):
    words = ["sensitivity", "--weights", detector_weights, "--image-size", "64", "--pictures", "1"]
    result = run_command(*words, "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    parsed = json.loads(result.stdout)
    assert (parsed["task"], parsed["metric"]) == ("object-detection", None)
    layers = {one["layer"]: one for one in parsed["layers"]}
    assert {"fpn.p6.0.c", "head.logits.0.last", "head.offsets.4.last"} < set(layers)
    assert parsed["whole"]["sqnr_db"] < min(one["sqnr_db"] for one in layers.values())
    assert "boxes equal" in result.stderr
