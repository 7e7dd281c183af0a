"""How this process's memory is managed while it trains, and that of its reading processes."""

import ctypes
import sys

# Of mallopt(3): glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Have glibc keep the memory of freed tensors; returns whether this system's allocator did.

    By default it gives large blocks back at once, and every step of training faults all its
    activations in anew: on two cores a quarter of the step's time.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library, as musl
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**28))
    return all(mallopt(parameter, value) == 1 for parameter, value in settings)
