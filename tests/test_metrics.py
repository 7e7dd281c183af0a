import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from topformer import metrics

floats = st.floats(-1e6, 1e6, width=32)
arrays = hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=4), elements=floats)


@given(arrays)
def test_an_array_agrees_with_itself(array):
    assert metrics.max_abs_error(array, array) == 0.0
    assert metrics.sqnr_db(array, array) == metrics.SQNR_LIMIT_DB


@given(st.floats(0.1, 1e3), st.floats(1e-6, 1e-1))
def test_sqnr_of_a_relative_error_is_its_decibels(scale, relative):
    reference = scale * np.linspace(-1, 1, 101)
    assert metrics.sqnr_db(reference, reference * (1 + relative)) == pytest.approx(
        -20 * np.log10(relative), abs=1e-4
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_anything_not_finite_is_the_worst_there_is(bad):
    reference, candidate = np.zeros(3), np.array([0.0, bad, 0.0])
    assert metrics.max_abs_error(reference, candidate) == metrics.ERROR_LIMIT
    assert metrics.sqnr_db(reference, candidate) == -metrics.SQNR_LIMIT_DB


def test_noise_over_silence_is_the_worst_there_is():
    assert metrics.sqnr_db(np.zeros(3), np.ones(3)) == -metrics.SQNR_LIMIT_DB
