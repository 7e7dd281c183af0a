"""Versions of the runner's documents; damaged ones are in `runner/test_refusals.py`."""

import json

import pytest

from topformer.benchmarks.documents.runner import RunnerBlock, decode_document
from topformer.errors import TopformerError

BLOCK = {
    "schema": "topformer.runner-block/1",
    "block_warmups": [],
    "samples": [[1, 2, 3]],
    "cpu_ns": 1,
    "peak_memory_bytes": 1,
    "end": "topformer.runner.end",
}


def read(**changes):
    return decode_document(json.dumps(BLOCK | changes).encode(), RunnerBlock)


def test_fields_of_a_newer_minor_version_are_ignored():
    assert read(schema="topformer.runner-block/1.7", joules=[1], samples=[[1, 2, 3, 4]]) == read()


@pytest.mark.parametrize("version", ["2", "2.1", "0"])
def test_another_major_version_is_refused(version):
    with pytest.raises(TopformerError, match="not one of its documents") as caught:
        read(schema=f"topformer.runner-block/{version}")
    assert f"Invalid value 'topformer.runner-block/{version[0]}'" in caught.value.why


@pytest.mark.parametrize(
    "sample", [[0, 0, 0], [1, 0, 3], [1, 3 * 10**14 + 1, 3], [int("9" * 400), 2, 3], [1, 2, -1]]
)
def test_times_that_no_clock_tells_are_refused(sample):
    assert read(samples=[[0, 1, 0], [3 * 10**14] * 3]).samples
    with pytest.raises(TopformerError, match="not one of its documents"):
        read(samples=[[1, 2, 3], sample])
