"""COCO's figures: equal to published ones, and to what can be counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from support.box_maps import NO_BOXES
from support.box_splits import boxes, split_of
from topformer.data import open_box_dataset
from topformer.evaluation.boxes import score_found

EXAMPLE = Path(__file__).with_name("cocoapi")

# Four pictures of val2014 (42, 73, 74 and 133) with what cocoapi's example of results says of them.
# Source: torchmetrics 0.6, tests/detection/test_map.py, which took them from cocodataset/cocoapi,
# results/instances_val2014_fakebbox100_results.json, and gives pycocotools' figures.
TRUTH = [
    [(4, 214.15, 41.29, 562.41, 285.07)],
    [(2, 13.00, 22.75, 548.98, 632.42), (2, 1.66, 3.32, 270.26, 275.23)],
    [
        (4, 61.87, 276.25, 358.29, 379.43),
        (1, 2.75, 3.66, 162.15, 316.06),
        (0, 295.55, 93.96, 313.97, 152.79),
        (0, 326.94, 97.05, 340.49, 122.98),
        (0, 356.62, 95.47, 372.33, 147.55),
        (0, 462.08, 105.09, 493.74, 146.99),
        (0, 277.11, 103.84, 292.44, 150.72),
    ],
    [(5, 13.99, 2.87, 640.00, 421.52)],
]
FOUND = [
    [(0.236, 4, 258.15, 41.29, 606.41, 285.07)],
    [(0.318, 3, 61.00, 22.75, 565.00, 632.42), (0.726, 2, 12.66, 3.32, 281.26, 275.23)],
    [
        (0.546, 4, 87.87, 276.25, 384.29, 379.43),
        (0.3, 1, 0.00, 3.66, 142.15, 316.06),
        (0.407, 0, 296.55, 93.96, 314.97, 152.79),
        (0.611, 0, 328.94, 97.05, 342.49, 122.98),
        (0.335, 0, 356.62, 95.47, 372.33, 147.55),
        (0.805, 0, 464.08, 105.09, 495.74, 146.99),
        (0.953, 0, 276.11, 103.84, 291.44, 150.72),
    ],
    [(0.699, 5, 0.00, 2.87, 601.00, 421.52)],
]
PUBLISHED = {
    "ap": 0.706,
    "ap50": 0.901,
    "ap75": 0.846,
    "ap_small": 0.689,
    "ap_medium": 0.800,
    "ap_large": 0.701,
    "ar_1": 0.592,
    "ar_10": 0.716,
    "ar_100": 0.716,
    "ar_small": 0.767,
    "ar_medium": 0.800,
    "ar_large": 0.700,
}
PUBLISHED_CLASS_AP = [0.725, 0.800, 0.454, np.nan, 0.650, 0.900]
PUBLISHED_CLASS_AR = [0.780, 0.800, 0.450, np.nan, 0.650, 0.900]


def test_figures_are_the_published_ones(capfd):
    done = score_found([boxes(*ones) for ones in FOUND], split_of(TRUTH, classes=6))
    scores = done.scores
    found = {name: getattr(scores, name) for name in PUBLISHED}
    assert found == pytest.approx(PUBLISHED, abs=0.0005)
    np.testing.assert_allclose(scores.class_ap, PUBLISHED_CLASS_AP, atol=0.0005)
    np.testing.assert_allclose(scores.class_ar, PUBLISHED_CLASS_AR, atol=0.0005)
    assert scores.class_boxes.tolist() == [5, 1, 2, 0, 2, 1]
    assert capfd.readouterr() == ("", "")


def test_figures_of_a_known_result_file_are_the_published_ones(tmp_path):
    """Source: cocodataset/cocoapi, PythonAPI/pycocoEvalDemo.ipynb, the last cell's output."""
    annotations = (EXAMPLE / "instances_val2014_100.json").read_bytes()
    for path in ("annotations/instances_val2017.json", *names_of_pictures(annotations)):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(annotations if path.endswith(".json") else b"")
    results = json.loads((EXAMPLE / "instances_val2014_fakebbox100_results.json").read_bytes())
    split = open_box_dataset("coco", tmp_path).split("val")
    found = [
        boxes(
            *(
                (one["score"], split.category_ids.index(one["category_id"]), *corners(one["bbox"]))
                for one in results
                if one["image_id"] == picture
            )
        )
        for picture in split.picture_ids
    ]
    scores = score_found(found, split).scores
    assert split.crowd.sum() == 9
    assert [round(getattr(scores, name), 3) for name in PUBLISHED] == [
        *(0.505, 0.697, 0.573, 0.586, 0.519, 0.501),
        *(0.387, 0.594, 0.595, 0.640, 0.566, 0.564),
    ]


def names_of_pictures(annotations):
    return [f"val2017/{image['file_name']}" for image in json.loads(annotations)["images"]]


def corners(bbox):
    left, top, width, height = bbox
    return left, top, left + width, top + height


def test_a_recall_that_is_met_exactly_counts_as_pycocotools_counts_it():
    """7 of 10 boxes are found: 70 of 101 recalls, as its 0.7 is a bit more than 7 / 10."""
    sides = [(20.0 * one, 0.0, 20.0 * one + 10, 10.0) for one in range(10)]
    found = boxes(*((0.9, 0, *one) for one in sides[:7]))
    done = score_found([found], split_of([[(0, *one) for one in sides]], classes=1))
    expected = plain_ap([coco_box(number, one) for number, one in enumerate(sides, start=1)], 7)
    assert expected == pytest.approx(70 / 101)
    assert done.scores.ap == pytest.approx(expected)
    assert done.pictures[0].ap50 == pytest.approx(expected)


def coco_box(number, side):
    left, top, right, bottom = side
    return {
        "id": number,
        "image_id": 1,
        "category_id": 1,
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        "iscrowd": 0,
    }


def plain_ap(annotations, found):
    """AP by pycocotools as it is, where the first `found` boxes are found exactly."""
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": 1}],
        "categories": [{"id": 1}],
        "annotations": annotations,
    }
    truth.createIndex()
    answers = truth.loadRes([{**one, "score": 0.9} for one in annotations[:found]])
    evaluation = COCOeval(truth, answers, iouType="bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats[0]


def test_the_same_boxes_are_perfect():
    found = [boxes(*((0.9, *one) for one in ones)) for ones in TRUTH]
    done = score_found(found, split_of(TRUTH, classes=6))
    assert done.scores.ap == pytest.approx(1)
    assert done.scores.ap50 == pytest.approx(1)
    assert [one.ap50 for one in done.pictures] == pytest.approx([1] * 4)


def test_nothing_found_is_nothing_right():
    done = score_found([NO_BOXES] * 4, split_of(TRUTH, classes=6))
    assert done.scores.ap == done.scores.ar_100 == 0
    assert [one.ap50 for one in done.pictures] == [0] * 4


def test_nothing_to_find_has_no_score():
    done = score_found([boxes((0.5, 0, 1, 2, 30, 40))], split_of([[]], classes=2))
    assert np.isnan([done.scores.ap, done.scores.ar_small, *done.scores.class_ap]).all()
    assert np.isnan(done.pictures[0].ap50)
    assert done.worst(3) == ()


def test_crowds_are_neither_missed_nor_false():
    split = split_of([[(0, 0, 0, 50, 50), (0, 60, 0, 90, 50)]], classes=1, crowd=[False, True])
    hit, in_crowd = (0.5, 0, 0, 0, 50, 50), (0.9, 0, 62, 2, 88, 20)
    assert score_found([boxes(hit)], split).scores.ap == pytest.approx(1)
    done = score_found([boxes(in_crowd, hit)], split)
    assert done.scores.ap == pytest.approx(1)
    assert done.pictures[0].ap50 == pytest.approx(1)
    assert done.scores.class_boxes.tolist() == [1]


def test_the_worst_pictures_come_first():
    """Half of a picture's boxes at the first place, after two that are none, or none at all."""
    truth = [[(0, 0, 0, 10, 10), (1, 20, 0, 40, 20)]] * 3
    half = boxes((0.9, 0, 0, 0, 10, 10))
    late = boxes((0.9, 0, 50, 50, 60, 60), (0.8, 1, 0, 0, 10, 10), (0.7, 0, 0, 0, 10, 10))
    done = score_found([half, late, NO_BOXES], split_of(truth, classes=2))
    # Precision counts up to a recall of 0.5: 51 of 101 places.
    assert [one.ap50 for one in done.pictures] == pytest.approx([51 / 101, 17 / 101, 0])
    assert [one.picture.id for one in done.worst(2)] == [3, 2]
