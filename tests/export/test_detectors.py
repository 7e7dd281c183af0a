"""Detectors exported end to end: one delegate, a proof on boxes, the manifest alone."""

import shutil
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch

from support.coco_fakes import annotation, annotations, write_split
from support.detectors import finding_detector, save_finding_detector
from topformer import open_model
from topformer.data import open_box_dataset, open_dataset
from topformer.detection import LEAST_LOGIT, SURE_LOGIT
from topformer.documents import encode_document
from topformer.errors import TopformerError, UsageError
from topformer.export import export_model
from topformer.export.divergence import TappedNetwork, first_divergence
from topformer.export.inputs import standard_inputs
from topformer.export.precisions import get_precision, precision_names
from topformer.export.proof import FP32_GATES
from topformer.export.quantisation.quantiser import observe, quantise
from topformer.export.scoring import JudgingData
from topformer.export.targets import get_target
from topformer.export.verification import verify_file
from topformer.fusion import fuse
from topformer.images import bundled_pictures
from topformer.manifest import SAME_IOU, manifest_path, read_manifest_of
from topformer.preprocess import input_info
from topformer.runtimes import inspect_graph
from topformer.tasks import DETECTION, SEGMENTATION

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(detector_weights, exported_detector, tmp_path_factory):
    """The lite detector in every precision for every target that it is made for, at 64x64."""
    words = {"weights": str(detector_weights), "image_size": (64, 64)}
    words["out_dir"] = tmp_path_factory.mktemp("out")
    return [
        exported_detector,
        export_model(targets=["onnx"], **words),
        export_model(precisions=sorted({*precision_names()} - {"fp32"}), **words),
    ]


@pytest.fixture(scope="module")
def files(exported):
    return {
        file.path.name.removeprefix("topformer-tiny-lite-64x64-"): file
        for result in exported
        for file in result.files
    }


def test_every_precision_is_made_and_passes(exported, files):
    assert set(files) == {
        "xnnpack.pte",
        "onnx.onnx",
        "xnnpack-fp16.pte",
        "xnnpack-int8.pte",
        "onnx-int8.onnx",
    }
    assert all(result.passed for result in exported)


def test_each_is_one_delegate(files):
    for file in files.values():
        delegation = file.manifest.delegation
        assert (delegation.delegates, delegation.outside) == (1, ())
    sizes = {name: file.manifest.file.size_bytes for name, file in files.items()}
    assert sizes["xnnpack-fp16.pte"] < 0.55 * sizes["xnnpack.pte"]
    assert sizes["xnnpack-int8.pte"] < 0.32 * sizes["xnnpack.pte"]


def test_the_proof_is_on_boxes_and_float32_matches_them_all(files):
    for name in ("xnnpack.pte", "onnx.onnx"):
        parity = files[name].manifest.parity
        assert parity.notes == ()
        assert parity.gates == FP32_GATES
        assert parity.steps[-1].worst.sqnr_db > 90
        assert files[name].manifest.detection.same_iou == SAME_IOU


def test_precisions_have_limits_of_their_own(files):
    for file in files.values():
        precision = get_precision(file.manifest.file.precision)
        limits = precision.limits(DETECTION)
        assert file.manifest.parity.gates == limits.gates
        assert file.manifest.detection.same_iou == limits.same_iou
        assert precision.limits(SEGMENTATION).gates == precision.gates


def test_files_find_what_the_checkpoint_does(files, detector_weights):
    expected = open_model(detector_weights, image_size=(64, 64))
    for name, file in files.items():
        found = open_model(file.path)
        for _, picture in bundled_pictures()[:2]:
            ours, theirs = expected.predict(picture), found.predict(picture)
            assert len(ours) > 5
            if "int8" not in name:
                assert len(theirs) == pytest.approx(len(ours), abs=3)
                np.testing.assert_allclose(theirs.scores[:3], ours.scores[:3], atol=0.01)
            else:
                assert theirs.scores[0] == pytest.approx(ours.scores[0], abs=0.1)


def test_the_manifest_is_enough_to_verify(files):
    for file in files.values():
        manifest, parity = verify_file(file.path)
        assert parity.passed
        assert manifest == read_manifest_of(file.path) == file.manifest
        assert manifest.model.detection_head == "lite"


def test_the_checkpoint_verifies_too(files, detector_weights):
    for name in ("xnnpack.pte", "xnnpack-int8.pte"):
        _, parity = verify_file(files[name].path, weights=str(detector_weights))
        assert parity.passed


def test_the_graph_can_be_looked_at(files):
    graph = inspect_graph(files["xnnpack.pte"].path)
    assert graph.operations == ("delegate XnnpackBackend",)
    assert len(graph.outputs) == 10


def test_another_detector_behind_the_manifest_fails(files, tmp_path):
    """The hash fits, but the network is another one, and be it its own int8 form."""
    file, made = files["onnx.onnx"], files["onnx-int8.onnx"].manifest.file
    path = tmp_path / file.path.name
    shutil.copy(files["onnx-int8.onnx"].path, path)
    claimed = msgspec.structs.replace(
        file.manifest.file, sha256=made.sha256, size_bytes=made.size_bytes
    )
    lying = msgspec.structs.replace(file.manifest, file=claimed)
    manifest_path(path).write_bytes(encode_document(lying))
    assert not verify_file(path)[1].passed


def test_a_detector_that_finds_nothing_says_so(tmp_path):
    """And its proof still tells a wrong file: outputs are compared about their means."""
    result = export_model(
        variant="tiny",
        task=DETECTION,
        detection_head="lite",
        targets=["onnx"],
        image_size=(64, 64),
        out_dir=tmp_path,
    )
    (file,) = result.files
    assert file.path.name == "topformer-tiny-lite-64x64-onnx.onnx"
    assert result.passed
    assert "no boxes" in file.manifest.parity.notes[0]
    _, parity = verify_file(file.path, weights="random")
    assert parity.passed
    assert parity.notes == file.manifest.parity.notes == verify_file(file.path)[1].notes


@pytest.mark.filterwarnings("error:Exporting a model while it is in training mode")
def test_a_file_that_fails_names_the_part_that_strays(detector_weights, tmp_path, monkeypatch):
    real = get_target("onnx")

    def lower(network, example):
        inner = network.network if isinstance(network, TappedNetwork) else network
        with torch.no_grad():
            inner.head.offsets[3].last.weight *= 1.01
        try:
            return real.lower(network, example)
        finally:
            with torch.no_grad():
                inner.head.offsets[3].last.weight /= 1.01

    broken = replace(real, lower=lower)
    monkeypatch.setattr("topformer.export.pipeline.get_target", lambda _name: broken)
    result = export_model(
        weights=str(detector_weights), targets=["onnx"], image_size=(64, 64), out_dir=tmp_path
    )
    assert not result.passed
    assert result.files[0].path.name.endswith(".failed")
    assert result.files[0].manifest.parity.first_divergence == "file: head.offsets.3.last"


@pytest.mark.parametrize("head", ["lite", "retinanet"])
@pytest.mark.parametrize(
    "part", ["backbone.tpm.layer3", "backbone.SIM.2", "fpn.layer_blocks.1", "head"]
)
def test_the_first_part_that_strays_is_found(head, part):
    network = fuse(finding_detector(head=head))
    changed = fuse(network)
    first = next(one for one in changed.get_submodule(part).parameters() if one.dim() > 1)
    with torch.no_grad():
        first *= 1.5
    picture = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    assert first_divergence(network.double(), changed, picture, 60).startswith(
        {"fpn.layer_blocks.1": "fpn"}.get(part, part)
    )


def test_odd_sizes_are_exported_and_say_what_is_outside(detector_weights, tmp_path):
    (file,) = export_model(
        weights=str(detector_weights), targets=["xnnpack"], image_size=(100, 72), out_dir=tmp_path
    ).files
    assert file.manifest.parity.passed
    outside = {group.operator: group.count for group in file.manifest.delegation.outside}
    assert outside["aten.upsample_nearest2d.vec"] == 2


def test_the_other_task_is_one_clear_error(detector_weights, tmp_path, golden_path):
    words = {"targets": ["onnx"], "image_size": (64, 64), "out_dir": tmp_path}
    with pytest.raises(TopformerError, match="is not for semantic-segmentation"):
        export_model(weights=str(detector_weights), task=SEGMENTATION, **words)
    with pytest.raises(TopformerError, match="is not for object-detection"):
        export_model(weights=str(golden_path), task=DETECTION, **words)
    with pytest.raises(TopformerError, match="another detection head"):
        export_model(weights=str(detector_weights), detection_head="retinanet", **words)
    with pytest.raises(UsageError, match="no detection head called 'ssd'"):
        export_model(variant="tiny", detection_head="ssd", **words)
    assert list(tmp_path.iterdir()) == []


def test_the_published_head_in_int8_is_one_delegate_and_right(tmp_path):
    """All levels share its weights: each convolution must be quantised, with its own bias."""
    weights = save_finding_detector(tmp_path / "w.safetensors", head="retinanet")
    (file,) = export_model(
        weights=str(weights),
        precisions=["int8"],
        targets=["xnnpack"],
        image_size=(64, 64),
        out_dir=tmp_path,
    ).files
    assert file.path.name == "topformer-tiny-retinanet-64x64-xnnpack-int8.pte"
    assert (file.manifest.delegation.delegates, file.manifest.delegation.outside) == (1, ())
    assert file.manifest.file.size_bytes < 11.5e6
    *_, simulated, found = file.manifest.parity.steps
    for expected, one in zip(simulated.inputs, found.inputs, strict=True):
        assert one.agreement.sqnr_db > expected.agreement.sqnr_db - 3


@pytest.mark.parametrize("head", ["lite", "retinanet"])
def test_steps_are_spent_on_logits_that_can_be_boxes(head):
    """What is below -8 is cut; what is likely is not, though no picture showed it."""
    network = fuse(finding_detector(head=head))
    with torch.no_grad():
        for name, bias in network.named_parameters():
            if name.endswith(("last.bias", "cls_logits.bias")) and "offsets" not in name:
                bias.sub_(6.0)
    inputs = [torch.as_tensor(one.tensor) for one in standard_inputs(input_info(64, 64))]
    with torch.inference_mode():
        expected = torch.stack([network(one)[0] for one in inputs])
        quantised = quantise(observe(network, inputs))
        found = torch.stack([quantised(one)[0] for one in inputs])
    assert expected.min() < -12
    assert found.min() == pytest.approx(LEAST_LOGIT, abs=0.05)
    step = float(found.unique().diff().min())
    assert expected.max() < SURE_LOGIT
    assert step == pytest.approx((SURE_LOGIT - LEAST_LOGIT) / 255, rel=0.02)


@pytest.fixture(scope="module")
def found_set(tmp_path_factory, detector_weights):
    """Write a set in COCO's format whose truth is what float32 finds, so that its AP is 1."""
    root = write_split(tmp_path_factory.mktemp("coco"), {}, split="val2017")
    opened = open_model(detector_weights, image_size=(64, 64))
    entries = []
    for number in (1, 2, 5):
        boxes = opened.predict(root / "images" / "val2017" / f"{number}.png")
        for corners, label in zip(boxes.corners.tolist(), boxes.labels.tolist(), strict=True):
            left, top, right, bottom = corners
            extent = [left, top, max(right - left, 1.0), max(bottom - top, 1.0)]
            entries.append(annotation(len(entries) + 1, number, extent, category_id=label + 1))
    categories = [{"id": number, "name": f"class {number}"} for number in (1, 2, 3)]
    content = annotations(annotations=entries, categories=categories)
    return write_split(root, content, split="val2017")


def test_ap_judges_files(detector_weights, found_set, tmp_path):
    def made(precision, **limits):
        data = JudgingData(dataset=open_box_dataset("coco-folder", found_set), **limits)
        (file,) = export_model(
            weights=str(detector_weights),
            targets=["onnx"],
            precisions=[precision],
            image_size=(64, 64),
            out_dir=tmp_path,
            judging=data,
        ).files
        return file.manifest.parity

    parity = made("fp32")
    assert parity.score is None
    judged = parity.average_precision
    assert (judged.metric, judged.dataset, judged.pictures) == ("AP", "coco-folder", 3)
    assert judged.float32_ap > 0.5
    assert judged.drop == pytest.approx(0, abs=0.2)
    assert judged.max_drop == 0.2
    assert parity.passed
    assert not made("fp32", max_drop=-1.0).passed


def test_data_of_another_task_or_of_other_classes_are_refused(
    detector_weights, found_set, folder, tmp_path
):
    words = {"targets": ["onnx"], "image_size": (64, 64), "out_dir": tmp_path}
    labels = JudgingData(dataset=open_dataset("folder", folder))
    with pytest.raises(TopformerError, match="is for object-detection"):
        export_model(weights=str(detector_weights), judging=labels, **words)
    boxes = JudgingData(dataset=open_box_dataset("coco-folder", found_set))
    with pytest.raises(TopformerError, match="is for semantic-segmentation"):
        export_model(variant="tiny", judging=boxes, **words)
    with pytest.raises(TopformerError, match="80 classes"):
        export_model(variant="tiny", detection_head="lite", judging=boxes, **words)
