"""Weights of detectors: written and read, and one clear error for whatever does not fit."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from topformer import load_model
from topformer.classes import dataset_classes, numbered_classes
from topformer.detection import HEADS
from topformer.detector import Detector, create_detector
from topformer.errors import TopformerError, UsageError
from topformer.model import create_model
from topformer.weights import load_weights, save_weights
from topformer.weights.checkpoints import HEADER_KEY, Checkpoint
from topformer.weights.matching import detection_layout

DETECTION, SEGMENTATION = "object-detection", "semantic-segmentation"
STATED = {"name": "drawn", "licence": "none", "source": "a test"}


@pytest.fixture(scope="module", params=HEADS)
def drawn(request, tmp_path_factory):
    """A detector and the file it was written to."""
    torch.manual_seed(0)
    network = create_detector("tiny", 3, head=request.param)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_weights(path, network, classes=numbered_classes(3), **STATED)
    return network, path


@pytest.fixture(scope="module")
def lite(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("lite") / "lite.safetensors"
    network = create_detector("tiny", 3, head="lite")
    save_weights(path, network, classes=numbered_classes(3), **STATED)
    return path


@pytest.fixture
def altered(lite, tmp_path):
    """Write these weights with another header, or other tensors."""

    def write(*, model=None, tensors=None):
        with safe_open(lite, "pt") as file:
            header = json.loads(file.metadata()[HEADER_KEY])
        header["model"] |= model or {}
        found = safetensors.torch.load_file(lite) | (tensors or {})
        found = {name: tensor for name, tensor in found.items() if tensor is not None}
        path = tmp_path / "altered.safetensors"
        safetensors.torch.save_file(found, path, {HEADER_KEY: json.dumps(header)})
        return path

    return write


def test_a_detector_is_read_as_it_was_written(drawn):
    network, path = drawn
    loaded = load_weights(path)
    assert isinstance(loaded.model, Detector)
    assert not loaded.model.training
    assert loaded.model.detection_head == network.detection_head
    assert loaded.classes == numbered_classes(3)
    state, expected = loaded.model.state_dict(), network.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    same = load_weights(path, variant="tiny", task=DETECTION, num_classes=3)
    assert same.info == loaded.info


def test_as_many_classes_are_read_as_can_be_trained():
    """Nine anchors a place, each with an output for every class."""
    with torch.device("meta"):
        tensors = create_detector("tiny", 8000, head="lite").state_dict()
    checkpoint = Checkpoint(
        path=Path("w"), sha256="", tensors=tensors, classes=None, notes=(), header=None
    )
    assert detection_layout(checkpoint, "lite").num_classes == 8000


def test_random_detectors_are_repeatable():
    first = load_weights("random", variant="tiny", task=DETECTION)
    assert first.classes == dataset_classes("coco")
    assert first.model.detection_head == "retinanet"
    assert first.info.random_seed is not None
    again = load_weights(None, variant="tiny", task=DETECTION)
    assert first.info == again.info
    lite = load_weights("tiny", detection_head="lite", num_classes=2)
    assert lite.info.name == "tiny-lite-random"
    assert lite.info.sha256 != first.info.sha256


def test_weights_for_another_task_are_refused(lite, golden_path, tmp_path):
    with pytest.raises(TopformerError, match="is not for semantic-segmentation"):
        load_weights(lite, task=SEGMENTATION)
    with pytest.raises(TopformerError, match="is not for semantic-segmentation"):
        load_model(lite)
    with pytest.raises(TopformerError, match="is not for object-detection"):
        load_weights(golden_path, task=DETECTION)
    with pytest.raises(TopformerError, match="is not for object-detection"):
        load_weights(golden_path, detection_head="lite")
    own = tmp_path / "segmenter.safetensors"
    save_weights(own, create_model("tiny", 3), classes=numbered_classes(3), **STATED)
    with pytest.raises(TopformerError, match="is not for object-detection"):
        load_weights(own, task=DETECTION)


def test_what_is_asked_for_must_be_what_is_there(lite):
    with pytest.raises(TopformerError, match="another detection head"):
        load_weights(lite, detection_head="retinanet")
    with pytest.raises(TopformerError, match="does not fit") as caught:
        load_weights(lite, num_classes=80)
    assert "trained for 3 classes, and 80" in caught.value.why
    with pytest.raises(TopformerError, match="does not fit"):
        load_weights(lite, variant="base")
    with pytest.raises(UsageError, match="no detection head"):
        load_weights("random", variant="tiny", detection_head="ssd")


@pytest.mark.parametrize(
    "model",
    [
        {"detection_head": "retinanet"},
        {"detection_head": "ssd"},
        {"detection_head": ""},
        {"detection_head": "\x1b[31m" * 100},
        {"task": SEGMENTATION},
        {"task": SEGMENTATION, "detection_head": ""},
        {"task": "panoptic"},
        {"variant": "base"},
        {"num_classes": 4},
        {"fused_channels": 9},
    ],
)
def test_a_header_that_lies_is_refused(altered, model):
    with pytest.raises(TopformerError) as caught:
        load_weights(altered(model=model))
    assert not isinstance(caught.value, UsageError)


@pytest.mark.parametrize(
    "tensors",
    [
        {"head.logits.0.last.weight": None},
        {"head.logits.0.last.weight": torch.zeros(28, 80, 1, 1)},
        {"head.logits.0.last.weight": torch.zeros(9 * 80, 80, 1, 1)},
        {"head.logits.4.last.bias": torch.zeros(1)},
        {"fpn.p6.0.c.weight": None},
        {"head.more.weight": torch.zeros(1)},
        {"backbone.SIM.1.local_embedding.conv.weight": torch.zeros(1)},
    ],
)
def test_tensors_that_do_not_fit_are_refused(altered, tensors):
    with pytest.raises(TopformerError, match=r"altered\.safetensors"):
        load_weights(altered(tensors=tensors))
