"""The picture of a run, from a single record to many."""

import io

import pytest
from PIL import Image

from topformer.training.checkpoints import Best
from topformer.training.journal import BoxScoreRecord, ScoreRecord, StepRecord
from topformer.training.pictures import draw_curves


def records(steps: int, scores: int):
    for number in range(1, steps + 1):
        yield StepRecord(
            step=number,
            loss=2.0 / number,
            learning_rate=1e-3 * (1 - number / (steps + 1)),
            images_per_s=8.0,
            waiting_share=0.0,
        )
    for number in range(1, scores + 1):
        yield ScoreRecord(
            step=number * 10, miou=0.05 * number, mean_accuracy=0.06 * number, pixel_accuracy=0.8
        )


def box_scores():
    yield BoxScoreRecord(step=10, protocol="fixed: 64x64", ap=None, ap50=None, ap75=None)
    for number in range(2, 5):
        yield BoxScoreRecord(
            step=number * 10, protocol="fixed: 64x64", ap=0.1 * number, ap50=0.2 * number, ap75=None
        )


@pytest.mark.filterwarnings("error")
def test_a_detectors_run_gives_its_own_curves():
    without = draw_curves(list(records(40, 0)), title="a run")
    assert draw_curves([*records(40, 0), *box_scores()], title="a run") != without
    only_undefined = [*records(40, 0), next(box_scores())]
    assert draw_curves(only_undefined, title="a run") != without


@pytest.mark.filterwarnings("error")
def test_the_score_of_the_best_weights_is_marked_also_where_others_are_higher():
    """As in a run that was rounded in the end: only weights that know it count."""
    made = list(records(40, 4))
    marks = [None, Best(step=10, miou=None), Best(step=40, miou=0.2), Best(step=30, miou=0.15)]
    unmarked, undefined, highest, lower = (draw_curves(made, title="a run", best=b) for b in marks)
    assert unmarked == undefined
    assert len({unmarked, highest, lower}) == 3


@pytest.mark.parametrize(("steps", "scores"), [(0, 0), (1, 0), (1, 1), (100, 10)])
@pytest.mark.filterwarnings("error")
def test_any_run_gives_a_picture(steps, scores):
    with Image.open(io.BytesIO(draw_curves(list(records(steps, scores)), title="a run"))) as image:
        assert image.format == "PNG"
        assert image.size == (1170, 780)


def test_the_curves_are_in_it():
    without = draw_curves([], title="a run")
    assert draw_curves(list(records(50, 5)), title="a run") != without
