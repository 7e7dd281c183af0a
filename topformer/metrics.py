"""What arrays hold, and how far one is from another: counts, errors and signal-to-noise."""

from math import isnan

import numpy as np
from numpy.typing import NDArray

# What stands for "no difference at all" and "no resemblance": JSON has no infinity.
SQNR_LIMIT_DB = 300.0
ERROR_LIMIT = float(np.finfo(np.float32).max)

FloatArray = NDArray[np.floating]
# numpy counts in 64 bits, whatever the ids have: so many at once keep the copy small.
_COUNTED_AT_ONCE = 2**20


def defined(score: float) -> float | None:
    """Null for NaN, which JSON does not have; rounding may go past 1."""
    return None if isnan(score) else min(score, 1.0)


def count_ids(ids: NDArray[np.integer], ids_in_all: int) -> NDArray[np.int64]:
    """How often each id from 0 on occurs in an array of any shape: [ids_in_all].

    Raises `ValueError` for an id beyond.
    """
    flat = ids.reshape(-1)
    counts = np.zeros(ids_in_all, np.int64)
    for start in range(0, len(flat), _COUNTED_AT_ONCE):
        counts += np.bincount(flat[start : start + _COUNTED_AT_ONCE], minlength=ids_in_all)
    return counts


def max_abs_error(reference: FloatArray, candidate: FloatArray) -> float:
    """Largest absolute difference; `ERROR_LIMIT` when the candidate holds anything not finite."""
    if not np.isfinite(candidate).all():
        return ERROR_LIMIT
    return min(float(np.abs(reference - candidate).max(initial=0.0)), ERROR_LIMIT)


def sqnr_db(
    reference: FloatArray, candidate: FloatArray, *, least_deviation: float | None = None
) -> float:
    """Signal-to-quantisation-noise ratio, 10 log10(sum(r^2) / sum((r - c)^2)), in decibels.

    With `least_deviation` the signal is what the reference deviates from its mean, or so much where
    that is less: constants say nothing. `SQNR_LIMIT_DB` when nothing differs; its negative when the
    candidate is not finite, or differs from a reference that is zero everywhere.
    """
    if not np.isfinite(candidate).all():
        return -SQNR_LIMIT_DB
    noise = float(np.square(reference - candidate, dtype=np.float64).sum())
    if least_deviation is None:
        signal = float(np.square(reference, dtype=np.float64).sum())
    else:
        deviation = max(float(reference.std(dtype=np.float64)), least_deviation)
        signal = reference.size * deviation**2
    if noise == 0.0:
        return SQNR_LIMIT_DB
    if signal == 0.0:
        return -SQNR_LIMIT_DB
    return float(np.clip(10.0 * np.log10(signal / noise), -SQNR_LIMIT_DB, SQNR_LIMIT_DB))
