import subprocess
import sys
from io import BytesIO

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from support.fake_worker import FakeModel, open_fake
from topformer.benchmarks.documents.runner import (
    Load,
    RunnerBlock,
    RunnerDocument,
    RunnerFailure,
    RunnerOpened,
)
from topformer.benchmarks.workers.python import open_timed, serve, time_once
from topformer.images import bench_picture

LOAD = Load(source=b"fake", form="", threads=1, image_size=None, warmups=1)


def answers(requests: bytes, load: Load = LOAD):
    replies = BytesIO()
    serve(BytesIO(requests), replies, load, opener=open_fake)
    lines = replies.getvalue().splitlines()
    return [msgspec.json.decode(line, type=RunnerDocument) for line in lines]


def test_requests_are_answered_in_turn_until_they_end(capfd):
    opened, *blocks = answers(b"2 0\n3 1\n")
    assert isinstance(opened, RunnerOpened)
    assert (len(opened.warmups), opened.output_shapes) == (1, ((1, 2, 8, 8),))
    assert all(isinstance(block, RunnerBlock) for block in blocks)
    assert [(len(block.samples), len(block.warmups)) for block in blocks] == [(2, 0), (3, 1)]


@pytest.mark.parametrize("line", [b"garbage\n", b"{}\n", b"0 1\n", b"1\n", b"1 -1\n", b"\xff\n"])
def test_what_is_no_request_is_refused_and_ends_the_worker(line, capfd):
    _, failed = answers(line + b"1 0\n")
    assert isinstance(failed, RunnerFailure)
    assert failed.what == "The worker was sent no request."


def test_a_model_that_cannot_be_opened_is_the_only_answer():
    (failed,) = answers(b"1 0\n", msgspec.structs.replace(LOAD, source=b"refused"))
    assert (failed.what, failed.next_step) == ("The file is refused.", "Buy a real one.")


def test_the_parts_of_a_run_are_timed_apart(capfd):
    sample, outputs, result = time_once(FakeModel(), np.zeros((64, 64, 3), np.uint8))
    assert sample.execute >= 1_000_000  # the fake sleeps that long there
    assert sample.preprocess > 0
    assert sample.postprocess > 0
    assert (outputs[0].shape, result.shape) == ((1, 2, 8, 8), (64, 64))


def test_the_bench_picture_has_the_size_of_the_input_and_real_content():
    picture = bench_picture(96, 160)
    assert picture.pixels.shape == (96, 160, 3)
    assert picture.pixels.dtype == np.uint8
    assert len(np.unique(picture.pixels)) > 50


PEAK = """
from topformer.benchmarks.workers.python import peak_memory_bytes
block = b"x" * 200_000_000
del block
print(peak_memory_bytes())
"""


def test_peak_memory_is_of_the_process_itself_and_not_of_its_larger_parent():
    heavy = np.ones(600_000_000, np.uint8)
    done = subprocess.run([sys.executable, "-c", PEAK], check=True, capture_output=True, text=True)
    del heavy
    assert 200e6 < int(done.stdout) < 400e6


def batch_norms(opened):
    return sum(isinstance(module, nn.BatchNorm2d) for module in opened.network.model.modules())


def test_torch_is_measured_as_it_is_and_fused():
    command = Load(
        source=b"tiny",
        form="unfused",
        threads=torch.get_num_threads(),
        image_size=(64, 64),
        warmups=0,
    )
    unfused = open_timed(command)
    fused = open_timed(msgspec.structs.replace(command, form="fused"))
    assert batch_norms(unfused.model) > 50
    assert batch_norms(fused.model) == 0
    tensor = unfused.model.preprocess(unfused.picture.pixels)
    (eager,), (folded,) = unfused.model.run(tensor), fused.model.run(tensor)
    difference = np.abs(eager - folded).max()
    assert difference < 1e-4
    assert fused.load_ns > 0
