"""What equal and unequal hashes say of the app's output."""

import msgspec
import numpy as np
import pytest

from support.manifest_edits import SAMPLE
from topformer.benchmarks.documents.runner import RunnerRun, SampleNs
from topformer.benchmarks.workers.app import check_hashes
from topformer.benchmarks.workers.device.check import ReferenceOutput
from topformer.export.proof import FP32_GATES
from topformer.files import sha256_bytes
from topformer.tasks import Answer
from topformer.tasks.segmentation import Segmentation

LOGITS = np.arange(2 * 8 * 12, dtype=np.float32).reshape(1, 2, 8, 12)
LABELS = np.ones((64, 96), np.uint8)
TIMES = SampleNs(preprocess=1, execute=1, postprocess=1)
RUN = RunnerRun(
    block_warmups=(), samples=(TIMES,), cpu_ns=1, peak_memory_bytes=1, runtime_version="1",
    model_sha256="a" * 64, threads=1, profiled=False, load_ns=1, output_shapes=((1, 2, 8, 12),),
    outputs_sha256=sha256_bytes(LOGITS.tobytes()),
    result_sha256=sha256_bytes(LABELS.astype("<u2").tobytes()),
    first=TIMES, warmups=(), end="topformer.runner.end",
)  # fmt: skip


REFERENCE = ReferenceOutput(
    task=Segmentation(SAMPLE),
    answer=Answer(outputs=[LOGITS], result=LABELS),
    required=FP32_GATES,
)


def test_equal_hashes_are_an_exact_answer():
    check = check_hashes(RUN, REFERENCE)
    assert (check.exact, check.passed, check.sqnr_db) == (True, True, 300.0)
    assert check.outputs_sha256 == RUN.outputs_sha256


@pytest.mark.parametrize("field", ["outputs_sha256", "result_sha256"])
def test_other_hashes_say_nothing(field):
    run = msgspec.structs.replace(RUN, **{field: "0" * 64})
    assert check_hashes(run, REFERENCE) is None
