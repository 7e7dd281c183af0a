"""Freed memory stays with the process, so that the next step does not fault it in anew."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from topformer.training.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def use():
    # 64 MiB: above what glibc takes from its heap. Plain malloc, as no library tunes it.
    block = ctypes.c_void_p(libc.malloc(2**26))
    ctypes.memset(block, 1, 2**26)
    libc.free(block)
for _ in range(5):
    use()  # until the heap has its size
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(choice: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, choice], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told")
def test_memory_that_is_used_again_is_not_faulted_in_again():
    assert faults("keep") * 20 < faults("leave")
