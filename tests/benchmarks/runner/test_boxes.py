"""A detector's outputs give Python's boxes: the same bits in the same order."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.box_maps import USUAL_LEVELS, detection_task, random_outputs
from support.runner_calls import Runner
from topformer.benchmarks.documents.conditions import StartingPicture
from topformer.benchmarks.documents.runner import RunnerRun, decode_document, session_options
from topformer.errors import TopformerError
from topformer.files import sha256_bytes
from topformer.images import bench_picture
from topformer.manifest import AnchorLevel
from topformer.runtimes import open_model
from topformer.tasks import output_bytes
from topformer.tasks.detection import LOGITS, OFFSETS


@pytest.fixture(scope="module")
def runner(host_runner, tmp_path_factory):
    return Runner(command=host_runner.command, folder=tmp_path_factory.mktemp("boxes"))


def same_boxes(runner, task, outputs):
    info = task.manifest.input
    size = (info.height, info.width)
    expected = task.postprocess(outputs, size)
    found = runner.result(outputs, size, *task.runner_options())
    assert found == task.encode(expected)
    return expected


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (65, 127), (256, 200)])
@pytest.mark.parametrize("mean", [-9.0, -4.0, 0.0])
def test_boxes_of_random_maps(runner, size, mean):
    task = detection_task(size, num_classes=4)
    found = same_boxes(runner, task, random_outputs(task, seed=1, mean=mean))
    # A few, and as many as may be.
    assert len(found) < 100 if mean < -8 else len(found) == 100


def test_boxes_of_very_dense_maps(runner):
    """Every place of every level is a candidate, and nearly all are let go."""
    task = detection_task((256, 256), num_classes=20, candidates_per_level=50, most_boxes=1000)
    found = same_boxes(runner, task, random_outputs(task, seed=2, mean=6.0, spread=8.0))
    assert len(found) > 50


def test_no_boxes(runner):
    task = detection_task((64, 96))
    assert len(same_boxes(runner, task, random_outputs(task, seed=3, mean=-50.0))) == 0


@pytest.mark.parametrize("mean", [-2.0, 0.0, 30.0])
def test_equal_scores_go_by_level_row_column_anchor_and_class(runner, mean):
    """Beyond 17 all scores are 1, whatever the logits are."""
    task = detection_task((128, 96), candidates_per_level=40, most_boxes=300, nms_iou=1.0)
    outputs = random_outputs(task, seed=4, mean=mean, whole=True)
    found = same_boxes(runner, task, outputs)
    assert len(np.unique(found.scores)) < len(found) / 4


def test_nearly_equal_scores_that_round_to_one(runner):
    task = detection_task((128, 128), candidates_per_level=30, nms_iou=1.0)
    outputs = random_outputs(task, seed=5, mean=17.0, spread=0.3)
    assert (same_boxes(runner, task, outputs).scores == 1).any()


@pytest.mark.parametrize("threshold", [0.0, 1e-30, 0.05, 0.5, 0.9999999, 1.0])
def test_thresholds_from_end_to_end(runner, threshold):
    task = detection_task((64, 64), score_threshold=threshold, candidates_per_level=200)
    outputs = random_outputs(task, seed=6, mean=0.0, spread=12.0)
    found = same_boxes(runner, task, outputs)
    assert (len(found) == 0) == (threshold == 1.0)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers(runner, special):
    task = detection_task((96, 64))
    outputs = random_outputs(task, seed=7)
    random = np.random.default_rng(8)
    for output, described in zip(outputs, task.manifest.outputs, strict=True):
        if described.meaning == LOGITS:
            output[random.random(output.shape) < 0.05] = special
    same_boxes(runner, task, outputs)


def test_offsets_that_are_no_numbers_are_refused_where_python_refuses_them(runner):
    task = detection_task((96, 64))
    outputs = random_outputs(task, seed=9, mean=0.0)
    for output, described in zip(outputs, task.manifest.outputs, strict=True):
        if described.meaning == OFFSETS:
            output[np.random.default_rng(10).random(output.shape) < 0.01] = np.nan
    for make in (task.postprocess, lambda *given: runner.result(*given, *task.runner_options())):
        with pytest.raises(TopformerError, match="sides are no numbers"):
            make(outputs, (96, 64))
    # Boxes that nobody asks for may have any.
    for output, described in zip(outputs, task.manifest.outputs, strict=True):
        if described.meaning == LOGITS:
            output[...] = -50.0
    assert len(same_boxes(runner, task, outputs)) == 0


def test_offsets_without_measure(runner):
    task = detection_task((96, 64))
    drawn = random_outputs(task, seed=9)
    outputs = [*drawn[:5], *(offsets * np.float32(1e4) for offsets in drawn[5:])]
    found = same_boxes(runner, task, outputs)
    assert (found.corners[:, 2:] <= (64, 96)).all()


@st.composite
def levels(draw):
    corner = st.floats(-60, 60, width=32)
    anchor = st.tuples(corner, corner, st.floats(0.5, 90, width=32), st.floats(0.5, 90, width=32))
    anchors = draw(st.lists(anchor, min_size=1, max_size=4))
    return AnchorLevel(
        stride=draw(st.sampled_from([4, 8, 12, 32])),
        anchors=tuple((x, y, x + width, y + height) for x, y, width, height in anchors),
    )


@given(data=st.data())
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_boxes_of_any_levels(runner, data):
    task = detection_task(
        data.draw(st.tuples(st.integers(64, 90), st.integers(64, 90)), label="size"),
        levels=data.draw(st.lists(levels(), min_size=1, max_size=3), label="levels"),
        num_classes=data.draw(st.integers(1, 5), label="classes"),
        score_threshold=data.draw(st.floats(0.001, 0.999), label="threshold"),
        candidates_per_level=data.draw(st.integers(1, 60), label="candidates"),
        nms_iou=data.draw(st.floats(0, 1), label="iou"),
        most_boxes=data.draw(st.integers(1, 40), label="most"),
        largest_log_scale=data.draw(st.floats(0, 5), label="scale"),
    )
    outputs = random_outputs(
        task,
        data.draw(st.integers(0, 2**32), label="seed"),
        mean=data.draw(st.floats(-8, 8), label="mean"),
        spread=data.draw(st.floats(0, 20), label="spread"),
        whole=data.draw(st.booleans(), label="whole"),
    )
    same_boxes(runner, task, outputs)


def test_anchors_of_the_published_detector_are_told_whole(runner):
    task = detection_task((64, 64), levels=USUAL_LEVELS[:1], num_classes=1)
    (told,) = (one for one in task.runner_options() if one.startswith("--levels="))
    assert told.startswith("--levels=8:")
    assert len(told.split(",")) == 9 * 4


@pytest.mark.parametrize("size", [(64, 64), (120, 90)])
def test_a_run_of_a_real_file_gives_pythons_outputs_and_boxes(runner, detector_pte, size, tmp_path):
    opened = open_model(detector_pte)
    picture = bench_picture(*size).pixels
    raw, outputs, boxes = tmp_path / "picture", tmp_path / "outputs", tmp_path / "boxes"
    raw.write_bytes(picture.tobytes())
    options = session_options(
        opened.manifest,
        model=detector_pte,
        picture=raw,
        starts_with=StartingPicture(height=size[0], width=size[1]),
        threads=1,
        warmups=1,
    )
    done = runner.call(
        "run", *options, "--samples=2", f"--write-output={outputs}", f"--write-result={boxes}"
    )
    run = decode_document(done.stdout, RunnerRun)
    expected = opened.outputs(picture)
    assert run.output_shapes == tuple(output.shape for output in opened.manifest.outputs)
    assert outputs.read_bytes() == output_bytes(expected)
    assert run.outputs_sha256 == sha256_bytes(outputs.read_bytes())
    found = opened.task.decode(boxes.read_bytes())
    assert len(found) > 10
    # The result has the network's input size.
    assert boxes.read_bytes() == opened.task.encode(opened.task.postprocess(expected, (64, 64)))
    assert run.result_sha256 == sha256_bytes(boxes.read_bytes())


def test_outputs_of_another_input_size_are_refused(runner, detector_pte, tmp_path):
    opened = open_model(detector_pte)
    raw = tmp_path / "picture"
    raw.write_bytes(bytes(64 * 64 * 3))
    options = session_options(
        opened.manifest, model=detector_pte, picture=raw, threads=1, warmups=0
    )
    without = [one.replace("--levels=8:", "--levels=16:") for one in options]
    failure = runner.refusal("run", *without, "--samples=1", status=1)
    assert failure.code == "model-shape"
