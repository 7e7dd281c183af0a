"""Optimizer groups and learning rates against the official code's."""

import pytest
from torch.optim import SGD

from topformer.detector import create_detector
from topformer.model import create_model
from topformer.training.optimizer import build_optimizer, learning_rate_at, set_learning_rate
from topformer.training.recipe import load_recipe


def test_the_published_detector_takes_sgd_with_warm_up_and_two_drops():
    recipe = load_recipe("coco", "tiny", head="retinanet")
    rates = [learning_rate_at(step, recipe) for step in (0, 250, 500, 58_639, 58_640, 80_630)]
    assert rates == pytest.approx([1e-5, 0.0050050, 0.01, 0.01, 0.001, 0.0001], rel=1e-3)
    optimizer = build_optimizer(create_detector("tiny"), recipe)
    assert isinstance(optimizer, SGD)
    for group in optimizer.param_groups:
        assert (group["momentum"], group["weight_decay"]) == (0.9, 1e-4)
    set_learning_rate(optimizer, 0.01)
    assert {group["lr"] for group in optimizer.param_groups} == {0.01}


@pytest.fixture(scope="module")
def published():
    return load_recipe("ade20k", "tiny")


def test_every_parameter_has_the_official_rate_and_decay(golden, published):
    model = create_model("tiny")
    optimizer = build_optimizer(model, published)
    found = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    official = golden["fixture"]["optimizer_groups"]
    named = dict(model.named_parameters())
    assert named.keys() == official.keys()
    for name, expected in official.items():
        assert found[id(named[name])] == pytest.approx(expected), name


def test_adamw_has_the_official_settings(golden, published):
    defaults = build_optimizer(create_model("tiny"), published).defaults
    assert defaults["betas"] == (0.9, 0.999)
    assert defaults["eps"] == 1e-8
    assert not defaults["amsgrad"]
    assert golden["fixture"]["max_iters"] == published.iterations


def test_the_learning_rate_is_the_official_one_at_every_step_on_record(golden, published):
    for step, expected in golden["fixture"]["lr_at"].items():
        assert learning_rate_at(int(step), published) == pytest.approx(expected, rel=1e-9), step


def test_the_heads_rate_stays_ten_times_the_bodys(published):
    optimizer = build_optimizer(create_model("tiny"), published)
    set_learning_rate(optimizer, 1e-5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1e-5, 1e-4])
