"""What a detector's outputs mean: boxes, how far they agree, and what a manifest keeps of them."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topformer import metrics
from topformer.boxes import Boxes
from topformer.classes import numbered_classes
from topformer.detection import LEAST_LOGIT, LEVEL_STRIDES
from topformer.errors import TopformerError
from topformer.manifest import AnchorLevel, Manifest, ModelInfo, OutputInfo, WeightsInfo
from topformer.preprocess import input_info
from topformer.tasks import DETECTION, task_of, task_type
from topformer.tasks.detection import LEAST_BOXES, LEAST_LOGIT_DEVIATION, LOGITS, OFFSETS

SIZE, CLASSES = (64, 96), 3
PLACES = [(-(-SIZE[0] // stride), -(-SIZE[1] // stride)) for stride in LEVEL_STRIDES]
INFO = task_type(DETECTION).describe_detection()
MANIFEST = Manifest(
    model=ModelInfo(
        variant="tiny",
        num_classes=CLASSES,
        fused_channels=8,
        depthwise_head=True,
        task=DETECTION,
        detection_head="lite",
    ),
    weights=WeightsInfo(name="none", sha256="0" * 64, licence="none", source="a test"),
    input=input_info(*SIZE),
    outputs=tuple(
        OutputInfo(meaning=meaning, shape=(1, 9 * numbers, *places), stride=stride)
        for meaning, numbers in ((LOGITS, CLASSES), (OFFSETS, 4))
        for stride, places in zip(LEVEL_STRIDES, PLACES, strict=True)
    ),
    classes=numbered_classes(CLASSES),
    detection=INFO,
)
TASK = task_of(MANIFEST)


def spoilt(position, **changes):
    outputs = list(MANIFEST.outputs)
    outputs[position] = msgspec.structs.replace(outputs[position], **changes)
    return tuple(outputs)


def outputs_of(seed=0, *, bias=-3.0):
    random = np.random.default_rng(seed)
    return [
        random.normal(bias if one.meaning == LOGITS else 0.0, 1.0, one.shape).astype(np.float32)
        for one in MANIFEST.outputs
    ]


@pytest.fixture
def answer():
    return TASK.answer(outputs_of())


def test_the_manifest_describes_the_network():
    described = msgspec.json.decode(msgspec.json.encode(MANIFEST), type=Manifest)
    assert described == MANIFEST
    assert [one.stride for one in INFO.levels] == list(LEVEL_STRIDES)


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": MANIFEST.outputs[:5]},
        {"outputs": MANIFEST.outputs[5:] + MANIFEST.outputs[:5]},
        {"outputs": spoilt(0, meaning="logits")},
        {"outputs": spoilt(1, stride=8)},
        {"outputs": spoilt(0, shape=(1, 9 * 4, 8, 12))},
        {"outputs": spoilt(4, shape=(1, 27, 1, 2))},
        {"outputs": spoilt(9, shape=(1, 45, 1, 1))},
        {"outputs": spoilt(2, shape=(2, 27, 2, 3))},
        {"detection": None},
        {"detection": msgspec.structs.replace(INFO, levels=INFO.levels[:4])},
        {
            "detection": msgspec.structs.replace(
                INFO,
                levels=(
                    AnchorLevel(stride=8, anchors=INFO.levels[0].anchors[:8]),
                    *INFO.levels[1:],
                ),
            )
        },
        {"input": input_info(128, 128)},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(changes):
    with pytest.raises(TopformerError, match="not those of a detector"):
        task_of(msgspec.structs.replace(MANIFEST, **changes))


def test_the_other_task_does_not_take_its_outputs():
    model = msgspec.structs.replace(MANIFEST.model, task="semantic-segmentation")
    with pytest.raises(TopformerError, match="not those of a segmentation network"):
        task_of(msgspec.structs.replace(MANIFEST, model=model))


def test_boxes_are_in_pixels_of_the_picture(answer):
    own, twice = answer.result, TASK.postprocess(answer.outputs, (128, 192))
    np.testing.assert_allclose(twice.corners, 2 * own.corners)
    stretched = TASK.postprocess(answer.outputs, (64, 192))
    np.testing.assert_allclose(stretched.corners, own.corners * [2, 1, 2, 1])
    assert own.corners.max() <= 96


def test_an_answer_agrees_with_itself(answer):
    found = TASK.compare(answer, answer)
    assert (found.sqnr_db, found.result_agreement) == (metrics.SQNR_LIMIT_DB, 1.0)
    assert found.max_abs_error == 0


@pytest.mark.parametrize("position", range(10))
def test_noise_in_any_one_output_counts(answer, position):
    """A level with few places as much as the finest, which has most of all numbers."""
    noisy = [one.copy() for one in answer.outputs]
    noisy[position] += np.float32(0.1) * np.float32(noisy[position].std())
    found = TASK.compare(answer, TASK.answer(noisy))
    # Two levels have too few numbers to vary as the others do.
    assert found.sqnr_db == pytest.approx(20.0, abs=4.0)


def test_a_level_that_hardly_varies_is_held_to_what_the_others_do(answer):
    """Where no object is of a level's size, its logits say nothing, and move no box."""
    outputs = [one.copy() for one in answer.outputs]
    outputs[3] = outputs[3] / np.float32(100) - np.float32(6)
    noisy = [one.copy() for one in outputs]
    noisy[3] += np.float32(0.01)
    found = TASK.compare(TASK.answer(outputs), TASK.answer(noisy))
    assert found.sqnr_db == pytest.approx(40, abs=1.0)


def test_a_constant_hides_no_noise():
    """The prior that objects are unlikely is in every logit, and says nothing."""
    random = np.random.default_rng(1)
    noise = [random.normal(0, 0.1, one.shape).astype(np.float32) for one in MANIFEST.outputs]
    found = []
    for bias in (0.0, -3.0):
        outputs = outputs_of(bias=bias)
        noisy = [one + error for one, error in zip(outputs, noise, strict=True)]
        found.append(TASK.compare(TASK.answer(outputs), TASK.answer(noisy)).sqnr_db)
    assert found[0] == pytest.approx(found[1], abs=0.1)
    assert 15 < found[0] < 21


def test_logits_that_hardly_vary_are_held_to_what_moves_scores():
    outputs = [np.full(one.shape, -4.6, np.float32) for one in MANIFEST.outputs]
    noisy = [one + np.float32(LEAST_LOGIT_DEVIATION / 100) for one in outputs[:5]] + outputs[5:]
    found = TASK.compare(TASK.answer(outputs), TASK.answer(noisy))
    assert found.sqnr_db == pytest.approx(40, abs=0.1)


def test_outputs_that_are_no_numbers_agree_with_nothing(answer):
    broken = [np.full_like(one, np.nan) for one in answer.outputs]
    found = TASK.compare(answer, TASK.answer(broken))
    assert found.sqnr_db == -metrics.SQNR_LIMIT_DB
    assert found.max_abs_error == metrics.ERROR_LIMIT
    assert found.result_agreement == 0


def test_how_well_boxes_must_cover_each_other_is_in_the_manifest(answer):
    found = answer.result
    found = found[(found.corners[:, 2:] - found.corners[:, :2]).min(1) > 8]
    moved = Boxes(corners=found.corners * 0.98, scores=found.scores, labels=found.labels)
    loose = msgspec.structs.replace(INFO, same_iou=0.5)
    agreements = [
        task_of(msgspec.structs.replace(MANIFEST, detection=info))._agreeing(found, moved)[0]
        for info in (INFO, loose)
    ]
    assert agreements[0] < 0.5
    assert agreements[1] > 0.95


def test_boxes_at_the_threshold_are_forgiven(answer):
    limit = INFO.score_threshold
    boxes = Boxes(
        corners=np.array([[0, 0, 30, 30], [40, 40, 60, 60]], np.float32),
        scores=np.array([0.9, limit + 5e-4], np.float32),
        labels=np.zeros(2, np.int32),
    )
    counted = pytest.approx(1 - 1 / LEAST_BOXES)
    assert TASK._agreeing(boxes, boxes[:1]) == (counted, 1.0)
    assert TASK._agreeing(boxes, boxes[1:]) == (counted, counted)


def test_one_of_few_boxes_weighs_no_more_than_one_of_many(answer):
    few, many = answer.result[:3], answer.result[:30]
    assert TASK._agreeing(few, few[:2])[0] == pytest.approx(1 - 1 / LEAST_BOXES)
    assert TASK._agreeing(many, many[:29])[0] == pytest.approx(1 - 1 / 59)
    assert TASK._agreeing(few, few[:0])[0] == pytest.approx(1 - 3 / LEAST_BOXES)


def test_logits_of_classes_that_are_no_boxes_count_as_equal(answer):
    """But a class that becomes likely does not, nor one that was, nor what is no number."""
    levels = len(LEVEL_STRIDES)
    logits, offsets = [one - 20 for one in answer.outputs[:levels]], answer.outputs[levels:]
    assert max(one.max() for one in logits) < LEAST_LOGIT
    expected = TASK.answer([*logits, *offsets])

    def sqnr_db(change):
        found = [*map(change, logits), *offsets]
        return TASK.compare(expected, TASK.answer(found)).sqnr_db

    assert sqnr_db(lambda one: one - 5) == metrics.SQNR_LIMIT_DB
    assert sqnr_db(lambda one: np.full_like(one, LEAST_LOGIT + 1)) < 0
    assert sqnr_db(lambda one: np.full_like(one, -np.inf)) == -metrics.SQNR_LIMIT_DB
    assert TASK.compare(answer, expected).sqnr_db < 10


def test_a_proof_without_boxes_says_so(answer):
    nothing = TASK.answer(outputs_of(bias=-40.0)).result
    assert len(nothing) == 0
    assert "no boxes" in TASK.weakness([nothing, nothing])
    assert TASK.weakness([nothing, answer.result]) == ""


def test_samples_repeat_the_proof(answer):
    samples = TASK.sample(answer)
    found = TASK.compare_sampled(samples, answer)
    assert found.sqnr_db > 100
    assert found.result_agreement == 1.0
    other = TASK.compare_sampled(samples, TASK.answer(outputs_of(1)))
    assert other.sqnr_db < 3
    assert other.result_agreement < 0.5


def test_samples_that_are_damaged_are_refused(answer):
    samples = TASK.sample(answer)
    nan = np.full(512, np.nan, "<f4").tobytes()
    for name in ("logits", "offsets"):
        for damaged in (
            samples | {name: samples[name][:-4]},
            samples | {name: nan},
            {key: samples[key] for key in samples if key != name},
        ):
            with pytest.raises(TopformerError, match="golden samples"):
                TASK.compare_sampled(damaged, answer)
    with pytest.raises(TopformerError, match="golden samples"):
        TASK.compare_sampled(samples | {"more": b""}, answer)
    with pytest.raises(TopformerError, match="are not boxes"):
        TASK.compare_sampled(samples | {"boxes": samples["boxes"][:-1]}, answer)


def test_what_the_runner_writes_of_boxes_is_read(answer):
    boxes = TASK.decode(TASK.encode(answer.result))
    assert len(boxes) == len(answer.result) > 10
    np.testing.assert_array_equal(boxes.corners, answer.result.corners)
    np.testing.assert_array_equal(boxes.scores, answer.result.scores)
    np.testing.assert_array_equal(boxes.labels, answer.result.labels)
    assert len(TASK.decode(b"")) == 0


def record(*corners, score=0.5, label=0):
    numbers = np.array([*corners, score], "<f4").tobytes()
    return numbers + np.array([label], "<u4").tobytes()


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        record(0, 0, 1, 1)[:-1],
        record(0, 0, 1, 1) * 101,
        record(0, 0, np.nan, 1),
        record(0, 0, np.inf, 1),
        record(0, 0, 1, 1, score=np.nan),
        record(0, 0, 1, 1, score=1.5),
        record(0, 0, 1, 1, score=-0.1),
        record(0, 0, 1, 1, label=CLASSES),
        record(0, 0, 1, 1, label=2**32 - 1),
    ],
)
def test_bytes_that_are_no_boxes_are_refused(data):
    with pytest.raises(TopformerError):
        TASK.decode(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=240))
def test_any_bytes_are_boxes_or_one_error(data):
    try:
        boxes = TASK.decode(data)
    except TopformerError:
        return
    assert TASK.encode(boxes) == data
    TASK.draw(np.zeros((*SIZE, 3), np.uint8), boxes)


def test_boxes_are_drawn(answer):
    picture = np.full((*SIZE, 3), 128, np.uint8)
    drawn = TASK.draw(picture, answer.result, note="a note")
    assert drawn.width == SIZE[1]
    assert (np.asarray(drawn)[: SIZE[0]] != 128).any()
    assert (np.asarray(TASK.draw(picture, answer.result[:0])) == 128).all()
