"""A task that topformer does not know, added from outside: the mean of all logits."""

import copy
import struct
import sys
from types import ModuleType

import msgspec
import numpy as np
import pytest
from PIL import Image

from topformer import metrics, tasks
from topformer.benchmarks.workers.device.check import ReferenceOutput, compare_answers
from topformer.benchmarks.workers.python import time_once
from topformer.documents import encode_document
from topformer.errors import TopformerError
from topformer.export.inputs import standard_inputs
from topformer.export.proof import (
    FLOAT32_FLOOR,
    FP32_GATES,
    Step,
    check_golden,
    golden_cases,
    measure_step,
    measure_yardstick,
    refer,
)
from topformer.export.verification import verify_file
from topformer.images import bundled_pictures
from topformer.manifest import (
    Agreement,
    Manifest,
    OutputInfo,
    manifest_path,
    read_manifest,
)
from topformer.runtimes import open_model
from topformer.runtimes.torch_network import TorchNetwork, describe
from topformer.tasks import Answer, Task, task_of, task_type
from topformer.weights import load_weights

NAME = "mean-of-logits"


class Mean(Task[float]):
    noun = "means"

    @classmethod
    def describe_outputs(cls, network, image_size):
        return (OutputInfo(meaning="logits", shape=network.logits_shape(*image_size), stride=8),)

    def postprocess(self, outputs, size):
        return float(outputs[0].mean(dtype=np.float64))

    def compare(self, expected, found):
        (reference,), (candidate,) = expected.outputs, found.outputs
        near = float(abs(found.result - expected.result) < 1e-4)
        return Agreement(
            max_abs_error=metrics.max_abs_error(reference, candidate),
            sqnr_db=metrics.sqnr_db(reference, candidate),
            result_agreement=near,
            result_agreement_untied=near,
        )

    def sample(self, answer):
        sampled = tasks.sample(answer.outputs[0]).astype("<f4").tobytes()
        return {"logits": sampled, "mean": self.encode(answer.result)}

    def compare_sampled(self, samples, found):
        expected = np.frombuffer(samples["logits"], "<f4")
        answer = Answer(outputs=[tasks.sample(found.outputs[0])], result=found.result)
        return self.compare(Answer(outputs=[expected], result=self.decode(samples["mean"])), answer)

    def encode(self, result):
        return struct.pack("<d", result)

    def decode(self, data):
        return struct.unpack("<d", data)[0]

    def draw(self, picture, result, *, note=""):
        return Image.fromarray(np.full_like(picture, 128 + round(result)))


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    module = ModuleType("mean_of_logits")
    module.TASK = Mean
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(tasks.MODULES, NAME, module.__name__)


def step(run, gates=FP32_GATES) -> Step:
    return Step(name="any", run=run, gates=gates, find_divergence=lambda *_: "")


def of_this_task(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(
        manifest, model=msgspec.structs.replace(manifest.model, task=NAME)
    )


@pytest.fixture
def mean_pte(model):
    """Return a copy of an exported file whose manifest names the task."""
    manifest = of_this_task(read_manifest(manifest_path(model)))
    manifest_path(model).write_bytes(encode_document(manifest))
    return model


def test_a_file_is_opened_run_and_drawn(mean_pte):
    opened = open_model(mean_pte)
    _, picture = bundled_pictures()[0]
    result = opened.predict(picture)
    assert result == opened.outputs(picture)[0].mean(dtype=np.float64)
    drawn = opened.task.draw(picture, result)
    assert (drawn.height, drawn.width) == picture.shape[:2]


def test_its_postprocess_is_timed(mean_pte, monkeypatch):
    opened = open_model(mean_pte)
    called = []
    monkeypatch.setattr(Mean, "postprocess", lambda _self, _outputs, size: called.append(size))
    sample, _, _ = time_once(opened, np.zeros((64, 96, 3), np.uint8))
    assert called == [(64, 96)]
    assert sample.postprocess > 0


def test_a_device_is_checked(mean_pte):
    opened = open_model(mean_pte)
    expected = opened.task.answer(opened.run(np.zeros((1, 3, 64, 96), np.float32)))
    reference = ReferenceOutput(task=opened.task, answer=expected, required=FP32_GATES)
    assert compare_answers(expected, reference, outputs_sha256="0" * 64).exact
    wrong = Answer(outputs=expected.outputs, result=expected.result + 1)
    assert not compare_answers(wrong, reference, outputs_sha256="0" * 64).passed


def test_it_is_proved_from_the_network_and_from_the_manifest_alone(mean_pte):
    loaded = load_weights("tiny")
    manifest = of_this_task(describe(loaded, (64, 64)))
    float64, run = copy.deepcopy(loaded.model).double(), TorchNetwork(loaded.model).run
    inputs = list(standard_inputs(manifest.input))
    references = refer(task_of(manifest), TorchNetwork(float64).run, inputs)
    float32 = measure_yardstick(step(run, FLOAT32_FLOOR), references)
    assert measure_step(step(run), references, float32).passed
    cases = golden_cases(references, float32, FP32_GATES)
    assert {name for case in cases for name in case.samples} == {"logits", "mean"}
    kept = msgspec.json.decode(
        msgspec.json.encode(msgspec.structs.replace(manifest, golden=cases)), type=Manifest
    )
    assert check_golden(kept, run, inputs, FP32_GATES).passed

    def shifted(tensor):
        return [output + np.float32(0.1) for output in run(tensor)]

    assert not measure_step(step(shifted), references, float32).passed
    assert not check_golden(kept, shifted, inputs, FP32_GATES).passed


def test_a_file_is_verified_by_its_own_samples(mean_pte):
    opened = open_model(mean_pte)
    references = refer(opened.task, opened.run, standard_inputs(opened.manifest.input))
    float32 = measure_yardstick(step(opened.run, FLOAT32_FLOOR), references)
    golden = golden_cases(references, float32, FP32_GATES)
    path = manifest_path(mean_pte)
    path.write_bytes(encode_document(msgspec.structs.replace(opened.manifest, golden=golden)))
    assert verify_file(mean_pte)[1].passed


def test_a_task_that_nobody_knows_is_one_clear_error(mean_pte, monkeypatch):
    monkeypatch.delitem(tasks.MODULES, NAME)
    with pytest.raises(TopformerError, match="no task called 'mean-of-logits'") as raised:
        open_model(mean_pte)
    assert "semantic-segmentation" in raised.value.why
    with pytest.raises(TopformerError):
        task_type("")
