"""Boxes as torchvision's RetinaNet makes them of the same numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet, _default_anchorgen
from torchvision.ops import batched_nms, box_iou

from support.box_maps import NO_BOXES
from topformer.boxes import Boxes, boxes_from, decode, matched, suppress
from topformer.detection import ANCHORS_PER_PLACE, LEVEL_STRIDES, level_anchors
from topformer.errors import TopformerError
from topformer.manifest import AnchorLevel, DetectionInfo

INFO = DetectionInfo(
    levels=tuple(
        AnchorLevel(stride=stride, anchors=level_anchors(stride)) for stride in LEVEL_STRIDES
    )
)
seeds = st.integers(0, 2**32 - 1)
# torchvision moves boxes of other classes aside to compare all together, which rounds: a pair at
# the very threshold may fall either way, and no draw of these does.
repeatable = settings(max_examples=40, deadline=None, derandomize=True)


def random_boxes(random, count, *, classes=3, extent=200.0):
    corners = random.uniform(0, extent, (count, 2, 2)).astype(np.float32)
    corners = np.concatenate([corners.min(1), corners.max(1)], 1)
    return Boxes(
        corners=corners,
        scores=np.sort(random.uniform(0.05, 1, count).astype(np.float32))[::-1],
        labels=random.integers(0, classes, count).astype(np.int32),
    )


def random_maps(random, size, classes, *, bias=-3.0):
    """Draw logits and offsets of every level."""
    places = [(-(-size[0] // stride), -(-size[1] // stride)) for stride in LEVEL_STRIDES]
    logits = [
        random.normal(bias, 1.5, (1, ANCHORS_PER_PLACE * classes, *place)).astype(np.float32)
        for place in places
    ]
    offsets = [
        random.normal(0, 0.5, (1, ANCHORS_PER_PLACE * 4, *place)).astype(np.float32)
        for place in places
    ]
    return logits, offsets


def by_anchor(level, numbers):
    """[1, a n, h, w] -> [1, h w a, n], as torchvision's head sorts its outputs."""
    _, channels, height, width = level.shape
    sorted_out = torch.as_tensor(level).reshape(1, channels // numbers, numbers, height, width)
    return sorted_out.permute(0, 3, 4, 1, 2).reshape(1, -1, numbers)


def torchvisions_boxes(logits, offsets, size, classes, info=INFO):
    shown = ImageList(torch.zeros(1, 3, *size), [size])
    maps = [torch.zeros(1, 1, *level.shape[2:]) for level in logits]
    anchors = _default_anchorgen()(shown, maps)[0].split(
        [level[0, 0].numel() * 9 for level in maps]
    )
    network = SimpleNamespace(
        score_thresh=info.score_threshold,
        topk_candidates=info.candidates_per_level,
        nms_thresh=info.nms_iou,
        detections_per_img=info.most_boxes,
        box_coder=BoxCoder(weights=(1.0, 1.0, 1.0, 1.0)),
    )
    outputs = {
        "cls_logits": [by_anchor(level, classes) for level in logits],
        "bbox_regression": [by_anchor(level, 4) for level in offsets],
    }
    (found,) = RetinaNet.postprocess_detections(network, outputs, [anchors], [size])
    return found


def test_anchors_are_torchvisions():
    generator = _default_anchorgen()
    assert isinstance(generator, AnchorGenerator)
    for stride, expected in zip(LEVEL_STRIDES, generator.cell_anchors, strict=True):
        np.testing.assert_array_equal(np.array(level_anchors(stride)), expected.numpy())


@repeatable
@given(seeds, st.sampled_from([(128, 128), (128, 256)]), st.sampled_from([1, 3]))
def test_boxes_are_torchvisions(seed, size, classes):
    """Of sides in multiples of 128: else torchvision spreads anchors by other strides."""
    random = np.random.default_rng(seed)
    logits, offsets = random_maps(random, size, classes)
    expected = torchvisions_boxes(logits, offsets, size, classes)
    found = boxes_from([*logits, *offsets], INFO, size)
    assert len(found) > 20
    np.testing.assert_array_equal(found.labels, expected["labels"].numpy())
    np.testing.assert_allclose(found.scores, expected["scores"].numpy(), atol=1e-6)
    np.testing.assert_allclose(found.corners, expected["boxes"].numpy(), atol=1e-3)


def test_limits_are_those_of_the_manifest():
    size, random = (128, 128), np.random.default_rng(0)
    logits, offsets = random_maps(random, size, 2, bias=0.0)
    info = DetectionInfo(
        levels=INFO.levels, score_threshold=0.4, candidates_per_level=30, nms_iou=0.3, most_boxes=17
    )
    expected = torchvisions_boxes(logits, offsets, size, 2, info)
    found = boxes_from([*logits, *offsets], info, size)
    assert len(found) == 17
    np.testing.assert_allclose(found.corners, expected["boxes"].numpy(), atol=1e-3)
    assert found.scores.min() > 0.4


@repeatable
@given(seeds, st.floats(0.01, 8.0))
def test_decoding_is_torchvisions(seed, spread):
    random = np.random.default_rng(seed)
    anchors = random_boxes(random, 50).corners
    offsets = random.normal(0, spread, (50, 4)).astype(np.float32)
    expected = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0)).decode_single(
        torch.as_tensor(offsets), torch.as_tensor(anchors)
    )
    expected[:, 0::2].clamp_(0, 150)
    expected[:, 1::2].clamp_(0, 120)
    found = decode(offsets, anchors, largest_log_scale=INFO.largest_log_scale, size=(120, 150))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-3)


@repeatable
@given(seeds, st.integers(0, 80), st.floats(0.1, 0.9))
def test_suppression_is_torchvisions(seed, count, iou):
    boxes = random_boxes(np.random.default_rng(seed), count)
    expected = batched_nms(
        torch.as_tensor(boxes.corners),
        torch.as_tensor(boxes.scores.copy()),
        torch.as_tensor(boxes.labels),
        iou,
    )
    np.testing.assert_array_equal(suppress(boxes, iou=iou, most=1000), expected.numpy())
    np.testing.assert_array_equal(suppress(boxes, iou=iou, most=3), expected.numpy()[:3])


def test_equal_scores_go_by_level_row_column_anchor_and_class():
    size = (128, 128)
    logits, offsets = random_maps(np.random.default_rng(0), size, 2, bias=-99.0)
    for level in (0, 1):
        logits[level][0, [1, 4], 0, 1] = 2.0  # anchor 0, class 1; anchor 2, class 0
        logits[level][0, 5, 1, 0] = 2.0
    info = DetectionInfo(levels=INFO.levels, nms_iou=1.0)
    found = boxes_from([*logits, *offsets], info, size)
    assert found.labels.tolist() == [1, 0, 1, 1, 0, 1]
    assert (found.corners[:3, 2:] - found.corners[:3, :2]).max() < 128


def test_no_candidate_gives_no_boxes():
    logits, offsets = random_maps(np.random.default_rng(0), (128, 64), 2, bias=-40.0)
    found = boxes_from([*logits, *offsets], INFO, (128, 64))
    assert len(found) == 0
    assert found.corners.shape == (0, 4)
    assert len(suppress(NO_BOXES, iou=0.5, most=10)) == 0


def test_values_that_are_no_numbers_find_nothing():
    logits, offsets = random_maps(np.random.default_rng(0), (128, 128), 2, bias=-40.0)
    logits[0][...] = np.nan
    assert len(boxes_from([*logits, *offsets], INFO, (128, 128))) == 0


def test_a_likely_box_without_sides_is_an_error():
    logits, offsets = random_maps(np.random.default_rng(0), (128, 128), 2, bias=-40.0)
    logits[1][0, 3, 2, 2] = 5.0
    offsets[2][...] = np.nan  # of no box
    assert len(boxes_from([*logits, *offsets], INFO, (128, 128))) == 1
    offsets[1][...] = np.nan
    with pytest.raises(TopformerError, match="sides are no numbers"):
        boxes_from([*logits, *offsets], INFO, (128, 128))


@repeatable
@given(seeds, st.integers(0, 30), st.integers(0, 30), st.floats(0.3, 0.9))
def test_each_box_is_the_partner_of_one(seed, ours, theirs, iou):
    random = np.random.default_rng(seed)
    first, second = random_boxes(random, ours), random_boxes(random, theirs)
    matches = matched(first, second, iou=iou)
    assert [len(one) for one in matches] == [ours, theirs]
    assert matches[0].sum() == matches[1].sum()
    wider = np.array([-0.5, -0.5, 0.5, 0.5], np.float32)
    overlaps = box_iou(*(torch.as_tensor(one.corners + wider) for one in (first, second))).numpy()
    possible = (overlaps >= iou) & (first.labels[:, None] == second.labels)
    assert not (matches[0] & ~possible.any(1)).any()
    # Whoever is left alone has no free partner left.
    assert not possible[~matches[0]][:, ~matches[1]].any()


def test_what_is_left_of_a_box_at_the_edge_is_its_own_partner():
    boxes = Boxes(
        corners=np.array([[0, 10, 0, 50], [96, 64, 96, 64]], np.float32),
        scores=np.array([0.9, 0.3], np.float32),
        labels=np.zeros(2, np.int32),
    )
    assert all(one.all() for one in matched(boxes, boxes, iou=0.99))


@pytest.mark.parametrize("shift", [0.0, 0.5, 30.0])
def test_boxes_that_moved_are_the_same_up_to_an_iou(shift):
    boxes = Boxes(
        corners=np.array([[10, 10, 110, 110], [0, 0, 40, 80]], np.float32),
        scores=np.array([0.9, 0.3], np.float32),
        labels=np.array([0, 1], np.int32),
    )
    moved = Boxes(corners=boxes.corners + shift, scores=boxes.scores, labels=boxes.labels)
    assert matched(boxes, moved, iou=0.99)[0].all() == (shift == 0)
    assert matched(boxes, moved, iou=0.95)[0].all() == (shift <= 0.5)
    other = Boxes(corners=boxes.corners, scores=boxes.scores, labels=1 - boxes.labels)
    assert not matched(boxes, other, iou=0.5)[0].any()
