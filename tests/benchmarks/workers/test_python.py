import subprocess
import sys
from io import BytesIO

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from support.fake_worker import FakeModel, open_fake
from topformer.benchmarks.documents.messages import (
    Failed,
    Load,
    Loaded,
    Measure,
    Measured,
    decode_reply,
    encode_line,
)
from topformer.benchmarks.workers.python import open_subject, serve, time_once
from topformer.images import bench_picture

LOAD = Load(source=b"fake", form="", threads=1, image_size=None, warmups=1)


def answers(*lines: bytes):
    replies = BytesIO()
    serve(BytesIO(b"".join(lines)), replies, opener=open_fake)
    return [decode_reply(line) for line in replies.getvalue().splitlines()]


def test_commands_are_answered_in_turn_until_they_end(capfd):
    measure = encode_line(Measure(samples=2, warmups=0))
    found = answers(encode_line(LOAD), measure, measure)
    assert [type(reply) for reply in found] == [Loaded, Measured, Measured]


@pytest.mark.parametrize("line", [b"garbage\n", b"{}\n", b'{"type":"load"}\n', b"\xff\n"])
def test_what_is_no_command_is_refused_and_ends_the_worker(line):
    (failed,) = answers(line, encode_line(LOAD))
    assert isinstance(failed, Failed)
    assert failed.what == "The worker was sent no command."


def test_the_parts_of_a_run_are_timed_apart(capfd):
    sample = time_once(FakeModel(), np.zeros((64, 64, 3), np.uint8))
    assert sample.execute >= 1_000_000  # the fake sleeps that long there
    assert sample.preprocess > 0
    assert sample.postprocess > 0


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


def batch_norms(subject):
    return sum(isinstance(module, nn.BatchNorm2d) for module in subject.network.model.modules())


def test_torch_is_measured_as_it_is_and_fused():
    command = Load(
        source=b"tiny",
        form="unfused",
        threads=torch.get_num_threads(),
        image_size=(64, 64),
        warmups=0,
    )
    unfused = open_subject(command)
    fused = open_subject(msgspec.structs.replace(command, form="fused"))
    assert batch_norms(unfused.subject) > 50
    assert batch_norms(fused.subject) == 0
    tensor = unfused.subject.preprocess(unfused.picture.pixels)
    (eager,), (folded,) = unfused.subject.run(tensor), fused.subject.run(tensor)
    difference = np.abs(eager - folded).max()
    assert difference < 1e-4
    assert fused.load_ns > 0
