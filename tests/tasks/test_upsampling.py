import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from topformer.errors import UsageError
from topformer.tasks import upsampling
from topformer.tasks.upsampling import upsample_labels

SIZE = (448, 448)


def interpolated(logits: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)


def assert_equal_but_for_ties(logits: Tensor, size: tuple[int, int], found: Tensor) -> None:
    """Labels may differ from argmax only where the two values differ by a few roundings."""
    values = interpolated(logits, size)
    expected = values.argmax(1)
    assert found.shape == expected.shape
    assert found.dtype == torch.int64
    differs = found != expected
    if not differs.any():
        return
    best = values.gather(1, expected[:, None])[:, 0][differs].double()
    chosen = values.gather(1, found[:, None])[:, 0][differs].double()
    finite = logits[logits.isfinite()].double()
    rounding = 8 * torch.finfo(logits.dtype).eps * finite.abs().max()
    gap = best - chosen  # NaN where either is not finite: those may not differ at all
    assert bool((gap <= rounding).all()), f"gap {gap.max()} above {rounding}"


def smooth_logits(classes: int, grid: int, *, seed: int, height: int = 56) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, classes, grid, grid, generator=generator)
    return functional.interpolate(coarse, size=(height, 56), mode="bicubic")


KINDS = ["normal", "tied", "constant", "one class", "infinite", "nan", "mixed", "huge"]


def draw_logits(kind: str, shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape, generator=generator)
    position = torch.rand(shape, generator=generator)
    if kind == "tied":
        logits = (logits * 1.5).round()
    elif kind == "constant":
        logits = torch.full(shape, 0.1)
    elif kind == "one class":
        logits[:, -1] += 100.0
    elif kind == "huge":
        logits = logits.double() * (torch.finfo(dtype).max / 8)
    if kind in ("infinite", "mixed"):
        logits[position < 0.1] = torch.inf
        logits[position > 0.9] = -torch.inf
    if kind in ("nan", "mixed"):
        logits[(position - 0.5).abs() < 0.04] = torch.nan
    return logits.to(dtype)


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    shape=st.tuples(*(st.integers(1, top) for top in (2, 24, 9, 9))),
    size=st.tuples(*[st.one_of(st.integers(1, 12), st.integers(1, 90))] * 2),
    seed=st.integers(0, 2**16),
)
def test_any_logits_and_any_size(kind, dtype, shape, size, seed):
    # In float64 a position may differ in its last bit, and 0 * inf is not 1e-17 * inf.
    assume(dtype != torch.float64 or kind not in ("infinite", "nan", "mixed"))
    logits = draw_logits(kind, shape, dtype, seed)
    found = upsample_labels(logits, size)
    # Half precision is defined by its values in float32: torch rounds even the shares to half.
    exact = logits if dtype == torch.float64 else logits.float()
    assert_equal_but_for_ties(exact, size, found)


@pytest.mark.parametrize("grid", [3, 7, 14, 56])
def test_full_size_smooth_to_noise(grid):
    logits = smooth_logits(150, grid, seed=grid)
    assert_equal_but_for_ties(logits, SIZE, upsample_labels(logits, SIZE))


@pytest.mark.parametrize(
    "size", [(448, 448), (449, 447), (300, 451), (28, 28), (1, 700), (700, 1), (57, 56), (1000, 3)]
)
def test_ratios(size):
    logits = smooth_logits(19, 9, seed=1, height=41)
    assert_equal_but_for_ties(logits, size, upsample_labels(logits, size))


def test_small_integers_tie_towards_the_lower_class():
    # On these sizes the shares are multiples of 1/16, so integer logits tie exactly, in any order
    # of evaluation: nothing may differ.
    logits = torch.randint(0, 3, (2, 12, 8, 8), generator=torch.Generator().manual_seed(3)).float()
    for size in [(64, 64), (8, 16), (32, 128)]:
        assert torch.equal(upsample_labels(logits, size), interpolated(logits, size).argmax(1))


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
def test_one_value_that_is_not_finite(value):
    logits = smooth_logits(150, 7, seed=2)
    logits[0, 70, 20, 30] = value
    assert_equal_but_for_ties(logits, SIZE, upsample_labels(logits, SIZE))


def test_only_the_broken_picture_of_a_batch_is_interpolated_in_full(monkeypatch):
    everything = upsampling._Candidates.everything
    full = []
    monkeypatch.setattr(
        upsampling._Candidates, "everything", lambda shape: full.append(shape) or everything(shape)
    )
    logits = torch.randn(3, 5, 8, 8)
    logits[1, 0, 0, 0] = torch.nan
    assert_equal_but_for_ties(logits, (50, 60), upsample_labels(logits, (50, 60)))
    assert full == [(5, 8, 8)]


def test_few_values_are_interpolated(monkeypatch):
    """The point of the method: on smooth logits most cells have one candidate, some a few."""
    contested = []
    contest = upsampling._contest
    monkeypatch.setattr(
        upsampling,
        "_contest",
        lambda *args, **options: contested.append(args[1].size) or contest(*args, **options),
    )
    upsample_labels(smooth_logits(150, 4, seed=5).numpy(), SIZE)
    all_values = 150 * 57 * 57
    assert 0 < sum(contested) < all_values / 50


def test_bands_and_chunks_change_nothing(monkeypatch):
    logits = smooth_logits(30, 14, seed=8).numpy()
    expected = upsample_labels(logits, (300, 200))
    monkeypatch.setattr(upsampling, "LOGITS_AT_ONCE", 5000)
    monkeypatch.setattr(upsampling, "VALUES_AT_ONCE", 500)
    monkeypatch.setattr(upsampling, "LARGEST_BLOCK_PX", 3)
    np.testing.assert_array_equal(upsample_labels(logits, (300, 200)), expected)


def test_large_output():
    logits = smooth_logits(40, 5, seed=6)
    found = upsample_labels(logits, (1500, 2000))
    assert_equal_but_for_ties(logits, (1500, 2000), found)


@pytest.mark.parametrize("finite", [True, False])
@pytest.mark.parametrize("count", [1, 2, 16, 17, 40])
def test_winners_are_those_of_argmax(count, finite):
    generator = np.random.default_rng(count)
    values = generator.integers(0, 4, (count, 6, 5, 50)).astype(np.float32)
    if not finite:
        values[generator.random(values.shape) < 0.1] = np.nan
        values[generator.random(values.shape) < 0.1] = np.inf
    classes = generator.integers(0, 1000, (count, 50))
    found = upsampling._winners(values, classes, finite=finite)
    np.testing.assert_array_equal(found, classes[values.argmax(axis=0), np.arange(50)])


def test_not_contiguous():
    logits = torch.randn(2, 12, 10, 14)
    for view in (logits.transpose(2, 3), logits[:, ::2], logits.flip(3)):
        assert_equal_but_for_ties(view, (50, 40), upsample_labels(view, (50, 40)))
    backwards = logits.numpy()[..., ::-1]
    expected = torch.from_numpy(backwards.copy())
    assert_equal_but_for_ties(
        expected, (50, 40), torch.from_numpy(upsample_labels(backwards, (50, 40)))
    )


def test_kind_of_result_follows_the_input():
    logits = torch.randn(1, 4, 6, 6, requires_grad=True)
    assert isinstance(upsample_labels(logits, (20, 20)), Tensor)
    found = upsample_labels(logits.detach().numpy(), (20, 20))
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.int64
    assert upsample_labels(np.zeros((0, 4, 6, 6), np.float32), (20, 20)).shape == (0, 20, 20)


@pytest.mark.parametrize(
    ("logits", "size"),
    [
        (np.zeros((4, 6, 6), np.float32), SIZE),
        (np.zeros((1, 4, 6, 6), np.int32), SIZE),
        (np.zeros((1, 0, 6, 6), np.float32), SIZE),
        (np.zeros((1, 4, 6, 6), np.float32), (0, 5)),
        (np.zeros((1, 4, 6, 6), np.float32), (5,)),
        (torch.zeros(1, 4, 6, 6, dtype=torch.int64), SIZE),
    ],
)
def test_refuses_what_has_no_labels(logits, size):
    with pytest.raises(UsageError):
        upsample_labels(logits, size)
