"""Exports end to end: the real lowering, the real runtimes, real failures."""

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from support.vouching import halve, vouch_for
from topformer import open_model
from topformer.documents import encode_document
from topformer.errors import TopformerError, UsageError
from topformer.export import export_model, targets
from topformer.export.targets import get_target, target_names
from topformer.export.verification import verify_file
from topformer.images import bundled_pictures
from topformer.manifest import Manifest, manifest_path, read_manifest, read_manifest_of
from topformer.runtimes import inspect_graph

pytestmark = pytest.mark.slow


@pytest.fixture(params=target_names())
def exported(request, exported_tiny):
    return next(file for file in exported_tiny.files if file.manifest.file.target == request.param)


@pytest.fixture
def copied(exported, tmp_path):
    """A private copy of an exported file and its manifest, to be damaged."""
    path = tmp_path / exported.path.name
    shutil.copy(exported.path, path)
    shutil.copy(exported.manifest_path, manifest_path(path))
    return path


def rewrite(path: Path, **changes) -> None:
    manifest = msgspec.structs.replace(read_manifest(manifest_path(path)), **changes)
    manifest_path(path).write_bytes(encode_document(manifest))


def test_both_files_pass_their_proof(exported):
    parity = exported.manifest.parity
    assert parity.passed
    assert [step.step for step in parity.steps] == ["float32", "fused", "file"]
    worst = parity.steps[-1].worst
    assert worst.sqnr_db >= 90
    assert worst.result_agreement >= 0.9999
    assert parity.first_divergence == ""


def test_the_manifest_says_all_that_is_needed(exported):
    manifest = read_manifest_of(exported.path)
    assert manifest == exported.manifest
    assert manifest.input.shape == (1, 3, 448, 448)
    assert [output.shape for output in manifest.outputs] == [(1, 150, 56, 56)]
    assert manifest.classes.names[0] == "wall"
    assert len(manifest.golden) == len(manifest.parity.steps[0].inputs)
    assert manifest.file.libraries["torch"] == torch.__version__.split("+")[0]
    assert (manifest.delegation.delegates, manifest.delegation.outside) == (1, ())
    assert manifest.delegation.macs_inside_share == 1.0
    assert sum(group.macs for group in manifest.delegation.inside) == 408_363_648


def test_nothing_but_the_files_is_left_behind(exported_tiny):
    folder = exported_tiny.files[0].path.parent
    expected = {file.path for file in exported_tiny.files}
    expected |= {file.manifest_path for file in exported_tiny.files}
    assert set(folder.iterdir()) == expected


def test_the_files_hold_no_path_of_this_machine(exported):
    here = str(Path.cwd()).encode()
    assert here not in exported.path.read_bytes()
    text = exported.manifest_path.read_bytes()
    assert here not in text
    assert str(Path(torch.__file__).parent).encode() not in text


def test_verify_repeats_the_proof_from_the_manifest_alone(copied):
    manifest, parity = verify_file(copied)
    assert parity.passed
    assert len(parity.steps[0].inputs) == len(manifest.golden)


def test_verify_repeats_the_whole_proof_against_the_weights(exported, golden_path):
    _, parity = verify_file(exported.path, weights=str(golden_path))
    assert parity.passed
    assert [step.step for step in parity.steps] == ["float32", "fused", "file"]


def test_verify_refuses_other_weights(exported):
    with pytest.raises(TopformerError, match="not made from these weights"):
        verify_file(exported.path, weights="random")


def test_verify_refuses_a_manifest_that_says_other_things_than_the_weights(copied, golden_path):
    """The file is right, and pictures would be normalised wrongly for it."""
    rewrite(copied, input=msgspec.structs.replace(read_manifest_of(copied).input, mean=(0, 0, 0)))
    with pytest.raises(TopformerError, match="other things of its input"):
        verify_file(copied, weights=str(golden_path))


def test_verify_wants_weights_for_pictures_of_ones_own(exported, tmp_path):
    with pytest.raises(UsageError, match="--images needs --weights"):
        verify_file(exported.path, images_dir=tmp_path)


def test_a_file_that_is_not_the_manifests_is_refused(copied):
    data = bytearray(copied.read_bytes())
    data[len(data) // 2] ^= 1
    copied.write_bytes(data)
    with pytest.raises(TopformerError, match="not the file its manifest describes"):
        open_model(copied)


@pytest.mark.parametrize("suffix", [".pte", ".onnx"])
def test_a_file_that_lies_consistently_fails_its_proof(exported_small, tmp_path, suffix):
    """The hash fits, but the network behind it is another one, and be it its own int8 form."""
    made = {file.manifest.file.precision: file for file in exported_small.files
            if file.path.suffix == suffix}  # fmt: skip
    path = tmp_path / f"lying{suffix}"
    shutil.copy(made["int8"].path, path)
    shutil.copy(made["fp32"].manifest_path, manifest_path(path))
    other = made["int8"].manifest.file
    claimed = msgspec.structs.replace(
        made["fp32"].manifest.file, sha256=other.sha256, size_bytes=other.size_bytes
    )
    rewrite(path, file=claimed)
    _, parity = verify_file(path)
    assert not parity.passed


def test_a_missing_manifest_is_one_clear_error(copied):
    manifest_path(copied).unlink()
    with pytest.raises(TopformerError, match="has no manifest"):
        open_model(copied)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda text: text[: len(text) // 2], "not a manifest"),
        (lambda text: b"[" * 100_000, "not a manifest"),
        (lambda text: text.replace(b'"height": 448', b'"height": -1'), "not a manifest"),
        (lambda text: text.replace(b'"variant"', b'"variants"', 1), "not a manifest"),
        (lambda text: text.replace(b"topformer.manifest/1", b"topformer.manifest/9"), "not a man"),
        (lambda text: b" " * (16 * 2**20 + 1), "too large"),
        (lambda text: b"\xff" + text, "not a manifest"),
    ],
)
def test_hostile_manifests_are_one_clear_error(copied, damage, complaint):
    path = manifest_path(copied)
    text = path.read_bytes()
    path.write_bytes(damage(text))
    assert path.read_bytes() != text
    with pytest.raises(TopformerError, match=complaint):
        open_model(copied)


@pytest.mark.parametrize("cut", [0, 1, 100, 5_000_000])
def test_truncated_models_are_one_clear_error(copied, cut):
    copied.write_bytes(copied.read_bytes()[:cut])
    vouch_for(copied)
    with pytest.raises(TopformerError, match="cannot load"):
        open_model(copied)


def test_pictures_give_the_same_labels_everywhere(exported_tiny, golden_path):
    _, picture = bundled_pictures()[0]
    eager = open_model(golden_path).predict(picture)
    assert eager.shape == picture.shape[:2]
    for file in exported_tiny.files:
        labels = open_model(file.path).predict(picture)
        assert (labels == eager).mean() >= 0.999


def test_the_graph_of_each_file_can_be_read(exported_tiny):
    pte, onnx = (inspect_graph(file.path) for file in exported_tiny.files)
    assert pte.operations == ("delegate XnnpackBackend",)
    assert pte.delegates == ("XnnpackBackend",)
    assert pte.inputs[0].shape == onnx.inputs[0].shape == (1, 3, 448, 448)
    assert pte.outputs[0].shape == onnx.outputs[0].shape == (1, 150, 56, 56)
    assert (
        pte.planned_memory_bytes == exported_tiny.files[0].manifest.delegation.planned_memory_bytes
    )
    assert "66 x Conv" in onnx.operations


def test_garbage_has_no_graph(exported_tiny, tmp_path):
    data = bytes(range(256)) * 10
    for file in exported_tiny.files:
        path = tmp_path / f"garbage{file.path.suffix}"
        path.write_bytes(data)
        vouch_for(path, file.manifest)
        with pytest.raises(TopformerError, match="cannot load"):
            inspect_graph(path)


def test_verify_tries_a_file_whatever_it_is_held_against(copied, golden_path):
    halve(copied)
    for weights in (None, str(golden_path)):
        with pytest.raises(TopformerError, match="cannot load"):
            verify_file(copied, weights=weights)


class WrongHead(nn.Module):
    """A lowering bug: one module's output is off by a percent."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        layer = network.get_submodule(
            "backbone.tpm.layer3" if hasattr(network, "backbone") else "network.backbone.tpm.layer3"
        )
        layer.register_forward_hook(lambda _module, _inputs, output: output * 1.01)

    def forward(self, x):
        return self.network(x)


def test_a_failing_lowering_is_kept_aside_and_its_module_named(tmp_path, monkeypatch):
    import copy

    real = get_target("onnx")

    def lower(network, example):
        return real.lower(WrongHead(copy.deepcopy(network)).eval(), example)

    def broken(_name):
        return replace(real, lower=lower)

    monkeypatch.setattr("topformer.export.pipeline.get_target", broken)
    result = export_model(weights="random", targets=["onnx"], image_size=(64, 96), out_dir=tmp_path)
    (file,) = result.files
    assert not result.passed
    assert file.path.name == "topformer-tiny-64x96-onnx.onnx.failed"
    assert file.path.exists()
    assert not (tmp_path / "topformer-tiny-64x96-onnx.onnx").exists()
    assert file.manifest.parity.first_divergence == "file: backbone.tpm.layer3"
    assert isinstance(read_manifest(file.manifest_path), Manifest)


def test_sizes_that_are_no_multiple_of_64_export_and_verify(tmp_path):
    result = export_model(
        weights="random",
        variant="tiny",
        targets=target_names(),
        image_size=(161, 96),  # odd, and a multiple of 32
        out_dir=tmp_path,
    )
    assert result.passed
    (xnnpack,) = (file for file in result.files if file.manifest.file.target == "xnnpack")
    (outside,) = xnnpack.manifest.delegation.outside
    assert outside.operator == "aten._adaptive_avg_pool2d.default"
    assert outside.count == 3
    assert outside.reason
    assert xnnpack.manifest.delegation.delegates == 2
    for file in result.files:
        _, parity = verify_file(file.path)
        assert parity.passed


def test_the_users_pictures_join_the_proof(tmp_path):
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (70, 50, 3), np.uint8)).save(folder / "mine.png")
    result = export_model(
        weights="random",
        targets=["onnx"],
        image_size=(64, 64),
        out_dir=tmp_path / "out",
        images_dir=folder,
    )
    manifest = result.files[0].manifest
    assert result.passed
    assert "image:mine.png" in [entry.input for entry in manifest.parity.steps[-1].inputs]
    assert "image:mine.png" not in [case.input for case in manifest.golden]
    _, parity = verify_file(result.files[0].path)
    assert parity.passed


def test_no_target_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError):
        export_model(targets=[], image_size=(64, 64), out_dir=tmp_path)
    assert targets.target_names()
