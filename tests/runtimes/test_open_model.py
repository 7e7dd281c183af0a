"""One face for every model file."""

import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import topformer
from support.manifest_edits import SAMPLE
from support.vouching import vouch_for
from topformer.classes import numbered_classes
from topformer.errors import TopformerError
from topformer.export.targets import target_names
from topformer.images import bundled_pictures
from topformer.model import create_model
from topformer.runtimes import OpenedModel, open_network
from topformer.tasks.upsampling import upsample_labels
from topformer.weights import load_weights, save_weights


@pytest.fixture(params=["checkpoint", *target_names()])
def model(request, exported_tiny, golden_path):
    sources = {"checkpoint": golden_path}
    for file in exported_tiny.files:
        sources[file.manifest.file.target] = file.path
    return topformer.open_model(sources[request.param])


def test_the_face(model):
    name, picture = bundled_pictures()[0]
    assert name
    (logits,) = model.outputs(picture)
    assert logits.shape == model.manifest.outputs[0].shape == (1, 150, 56, 56)
    assert logits.dtype == np.float32
    labels = model.predict(picture)
    assert labels.shape == picture.shape[:2]
    np.testing.assert_array_equal(labels, upsample_labels(logits, picture.shape[:2])[0])


def test_a_result_is_not_overwritten_by_the_next_run(model):
    black = np.zeros((448, 448, 3), np.uint8)
    (first,) = model.outputs(black)
    kept = first.copy()
    model.outputs(black + np.uint8(200))
    np.testing.assert_array_equal(first, kept)


def test_a_tensor_of_another_shape_is_one_clear_error(model):
    with pytest.raises(TopformerError):
        model.run(np.zeros((1, 3, 64, 64), np.float32))


def test_a_tensor_counts_by_its_values_however_it_lies_in_memory(model):
    height, width = model.manifest.input.height, model.manifest.input.width
    # As a person has it who normalises rows of pixels, and then moves the channels to the front.
    pixels = np.random.default_rng(0).standard_normal((height, width, 3))
    moved = pixels.transpose(2, 0, 1)[None]
    (expected,) = model.run(np.ascontiguousarray(moved, np.float32))
    for tensor in (moved.astype(np.float32), moved):
        np.testing.assert_array_equal(model.run(tensor)[0], expected)


def test_a_path_is_read_as_a_picture(exported_tiny, tmp_path):
    from PIL import Image

    _, picture = bundled_pictures()[0]
    Image.fromarray(picture).save(tmp_path / "picture.png")
    model = topformer.open_model(exported_tiny.files[1].path)
    np.testing.assert_array_equal(model.predict(tmp_path / "picture.png"), model.predict(picture))


def test_our_safetensors_open_like_the_checkpoint_they_came_from(golden_path, tmp_path):
    loaded = load_weights(golden_path)
    path = tmp_path / "mine.safetensors"
    save_weights(
        path, loaded.model, classes=loaded.classes, name="mine", licence="none", source="test"
    )
    _, picture = bundled_pictures()[1]
    first, second = topformer.open_model(golden_path), topformer.open_model(path)
    np.testing.assert_array_equal(first.outputs(picture)[0], second.outputs(picture)[0])
    assert second.manifest.weights.name == "mine"


def test_a_checkpoint_takes_any_input_size(golden_path):
    model = topformer.open_model(golden_path, image_size=(96, 160))
    assert model.outputs(bundled_pictures()[0][1])[0].shape == (1, 150, 12, 20)


def test_a_checkpoint_that_learnt_from_stretched_pictures_takes_that_size(tmp_path):
    path = tmp_path / "mine.safetensors"
    model, classes = create_model("tiny", 2), numbered_classes(2)
    save_weights(
        path, model, classes=classes, name="m", licence="l", source="s", sample_size=(96, 160)
    )
    assert topformer.open_model(path).manifest.input.shape == (1, 3, 96, 160)
    assert topformer.open_model(path, image_size=(64, 64)).manifest.input.shape == (1, 3, 64, 64)


def test_an_exported_file_has_its_own_size(exported_tiny):
    path = exported_tiny.files[0].path
    assert topformer.open_model(path, image_size=(448, 448)).runtime == "executorch"
    with pytest.raises(TopformerError, match="448x448 only"):
        topformer.open_model(path, image_size=(512, 512))


def test_a_size_name_opens_default_weights():
    model = topformer.open_model("tiny", image_size=(64, 64))
    assert model.runtime == "torch"
    assert model.manifest.model.variant == "tiny"


def test_threads_are_set_before_loading(exported_tiny):
    """In a process of its own: ExecuTorch's pool cannot be resized once a file is loaded."""
    code = (
        "import sys, topformer\n"
        "from executorch.extension.pybindings import portable_lib\n"
        "topformer.open_model(sys.argv[1], threads=1)\n"
        "print(portable_lib._threadpool_get_thread_count())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(exported_tiny.files[0].path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.split()[-1] == "1"


def write_onnx(path, manifest, graph_nodes, initialisers=(), shape=(1, 150, 56, 56)):
    """Write an .onnx of our own making under a manifest that vouches for it."""
    graph = helper.make_graph(
        graph_nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, 448, 448))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        initialisers,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(proto.SerializeToString())
    vouch_for(path, manifest)


def test_an_output_that_is_not_the_manifests_is_refused(exported_tiny, tmp_path):
    path = tmp_path / "small.onnx"
    node = helper.make_node("Identity", ["image"], ["logits"])
    write_onnx(path, exported_tiny.files[1].manifest, [node], shape=(1, 3, 448, 448))
    with pytest.raises(TopformerError, match=r"small\.onnx cannot be used") as raised:
        topformer.open_model(path)
    assert "It gives [1, 3, 448, 448] in float32" in raised.value.why


class Answering:
    """A network that gives what it is told to."""

    def __init__(self, output):
        self.output = output

    def run(self, _tensor):
        return [self.output]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (np.zeros((1, 2, 8, 12)), "not what its manifest describes"),
        (np.zeros((1, 2, 8, 11), np.float32), "not what its manifest describes"),
        (np.full((1, 2, 8, 12), np.nan, np.float32), "computes no numbers"),
        (np.full((1, 2, 8, 12), -np.inf, np.float32), "computes no numbers"),
    ],
)
def test_an_answer_without_a_result_is_refused(output, told):
    model = OpenedModel(manifest=SAMPLE, runtime="torch", network=Answering(output))
    with pytest.raises(TopformerError, match=told):
        model.predict(np.zeros((48, 80, 3), np.uint8))


def test_some_numbers_are_a_result():
    output = np.zeros((1, 2, 8, 12), np.float32)
    output[..., :6] = np.nan
    model = OpenedModel(manifest=SAMPLE, runtime="torch", network=Answering(output))
    assert model.predict(np.zeros((48, 80, 3), np.uint8)).shape == (48, 80)


def test_the_bindings_are_those_of_executorch(exported_tiny):
    """Its own face takes them from there, and imports five times as much."""
    from executorch.extension.pybindings import _C, portable_lib

    for name in ("_load_program", "Verification", "_unsafe_reset_threadpool"):
        assert getattr(_C, name) is getattr(portable_lib, name)
    code = (
        "import sys, topformer\n"
        "topformer.open_model(sys.argv[1])\n"
        "assert 'executorch.exir' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(exported_tiny.files[0].path)], check=True)


def test_onnx_cannot_read_files_outside_its_folder(exported_tiny, tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(4 * 150 * 56 * 56))
    folder = tmp_path / "model"
    folder.mkdir()
    stolen = onnx.TensorProto(name="stolen", data_type=TensorProto.FLOAT, dims=[1, 150, 56, 56])
    stolen.data_location = TensorProto.EXTERNAL
    stolen.external_data.add(key="location", value="../secret.bin")
    nodes = [helper.make_node("Identity", ["stolen"], ["logits"])]
    write_onnx(folder / "thief.onnx", exported_tiny.files[1].manifest, nodes, [stolen])
    with pytest.raises(TopformerError, match=r"cannot load .*thief\.onnx"):
        topformer.open_model(folder / "thief.onnx")


def test_a_file_with_another_input_is_refused(exported_tiny, tmp_path):
    for file in exported_tiny.files:
        path = tmp_path / file.path.name
        shutil.copy(file.path, path)
        with pytest.raises(TopformerError, match="takes another input") as raised:
            open_network(path, (1, 3, 64, 64))
        assert "(1, 3, 448, 448)" in raised.value.why


def test_what_is_not_exported_has_no_network(golden_path, exported_tiny):
    with pytest.raises(TopformerError, match="not an exported model"):
        open_network(golden_path, exported_tiny.files[0].manifest.input.shape)
