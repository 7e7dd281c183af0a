"""The vectors that the app's core is tested with are still what Python says."""

import pytest

from support.core_vectors import RESOURCES, vectors

VECTORS = vectors()


@pytest.mark.parametrize("name", VECTORS)
def test_stored_vectors_are_those_of_this_version(name):
    stored = (RESOURCES / name).read_bytes()
    assert stored == VECTORS[name], "Run: PYTHONPATH=tests python -m support.core_vectors"
