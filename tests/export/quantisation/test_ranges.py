"""Ranges that spend 8 bits where the values are."""

import pytest
import torch

from topformer.export.quantisation.ranges import RangeObserver


def observed(*tensors, counted=True, telling=None, **settings):
    observer = RangeObserver(
        dtype=torch.int8,
        qscheme=torch.per_tensor_affine,
        quant_min=-128,
        quant_max=127,
        eps=2**-12,
        **settings,
    )
    observer.telling = telling
    for tensor in tensors:
        assert observer(tensor) is tensor
    if counted:
        observer.finder.count_values()
        for tensor in tensors:
            observer(tensor)
    scale, zero_point = observer.calculate_qparams()
    return float(scale), int(zero_point)


def error(tensor, scale, zero_point):
    rounded = torch.fake_quantize_per_tensor_affine(tensor, scale, zero_point, -128, 127)
    return float((rounded - tensor).square().mean())


def test_a_rare_large_value_does_not_take_the_steps_of_all_others():
    torch.manual_seed(0)
    tensor = torch.cat([torch.randn(1_000_000), torch.tensor([9.0])])
    extremes, found = observed(tensor, counted=False), observed(tensor)
    assert found[0] < 0.8 * extremes[0]
    assert error(tensor, *found) < 0.8 * error(tensor, *extremes)


def test_values_that_fill_their_range_keep_it():
    tensor = torch.linspace(-1, 3, 10_000)
    scale, zero_point = observed(tensor)
    assert scale == pytest.approx(4 / 255, rel=0.03)
    assert zero_point == pytest.approx(-64, abs=3)


def test_values_of_one_sign_get_all_codes():
    scale, zero_point = observed(torch.linspace(0, 2, 1000))
    assert zero_point == -128
    assert scale == pytest.approx(2 / 255, rel=0.03)


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
def test_a_constant_has_a_range_that_holds_it(value):
    tensor = torch.full((10,), value)
    assert error(tensor, *observed(tensor)) <= 1e-3


def test_all_tensors_count():
    low, high = torch.linspace(-1, 0, 1000), torch.linspace(0, 1, 1000)
    assert observed(low, high) == pytest.approx(observed(torch.cat([low, high])), rel=0.02)


def test_foreign_pictures_leave_room_beyond_their_extremes():
    tensor = torch.linspace(-1, 3, 1000)
    scale, zero_point = observed(tensor, counted=False, margin=1.25)
    assert scale == pytest.approx(5 / 255)
    assert zero_point == -64


def test_where_few_values_count_only_these_get_the_steps():
    """As logits are: nearly all say that there is no object, and the few others say what is."""
    torch.manual_seed(0)
    logits = torch.cat([20 * torch.rand(100_000) - 30, torch.tensor([-3.0, 2.0, 5.0])])
    scale, zero_point = observed(logits, telling=(-8.0, 4.0))
    assert (scale, zero_point) == (pytest.approx(13 / 255), round(8 / 13 * 255) - 128)
    assert error(logits[-3:], scale, zero_point) < 0.01 < error(logits[-3:], *observed(logits))


def test_a_range_is_widened_to_values_that_say_most_and_to_no_others():
    """The pictures at hand may show none of what a network is for."""
    scale, zero_point = observed(torch.linspace(-5, -3, 1000), telling=(-8.0, 4.0))
    assert scale == pytest.approx(9 / 255, rel=0.02)
    assert zero_point == pytest.approx(5 / 9 * 255 - 128, abs=2)
