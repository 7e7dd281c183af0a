"""What equal and unequal hashes say of the app's output."""

import msgspec
import numpy as np
import pytest

from topformer.benchmarks.documents.messages import SampleNs
from topformer.benchmarks.documents.runner import RunnerRun
from topformer.benchmarks.workers.app.check import check_hashes
from topformer.benchmarks.workers.device.check import Output, ReferenceOutput
from topformer.errors import TopformerError
from topformer.export.proof import FP32_GATES
from topformer.files import sha256_bytes

LOGITS = np.arange(2 * 8 * 8, dtype=np.float32).reshape(1, 2, 8, 8)
LABELS = np.ones((64, 64), np.uint8)
SAMPLE = SampleNs(preprocess=1, execute=1, labels=1)
RUN = RunnerRun(
    block_warmups=(), samples=(SAMPLE,), cpu_ns=1, peak_memory_bytes=1, runtime_version="1",
    model_sha256="a" * 64, threads=1, profiled=False, load_ns=1, logits_shape=(1, 2, 8, 8),
    logits_sha256=sha256_bytes(LOGITS.tobytes()),
    labels_sha256=sha256_bytes(LABELS.astype("<u2").tobytes()),
    first=SAMPLE, warmups=(), end="topformer.runner.end",
)  # fmt: skip


@pytest.mark.parametrize("required", [None, FP32_GATES])
def test_equal_hashes_are_an_exact_answer(required):
    reference = ReferenceOutput(output=Output(logits=LOGITS, labels=LABELS), required=required)
    check = check_hashes(RUN, reference)
    assert (check.exact, check.passed, check.sqnr_db) == (True, True, 300.0)
    assert check.logits_sha256 == RUN.logits_sha256


@pytest.mark.parametrize("field", ["logits_sha256", "labels_sha256"])
def test_other_hashes_say_nothing_of_float32_and_all_of_int8(field):
    run = msgspec.structs.replace(RUN, **{field: "0" * 64})
    output = Output(logits=LOGITS, labels=LABELS)
    assert check_hashes(run, ReferenceOutput(output=output, required=FP32_GATES)) is None
    with pytest.raises(TopformerError, match="something else") as raised:
        check_hashes(run, ReferenceOutput(output=output, required=None))
    assert "0" * 64 in raised.value.why
