"""Does the app compute what this machine computes? Its document tells hashes, and no numbers."""

from topformer.benchmarks.documents.runner import RunnerRun
from topformer.benchmarks.workers.device.check import ReferenceOutput
from topformer.devices.facts.documents import CheckedOutput
from topformer.errors import TopformerError
from topformer.files import sha256_bytes
from topformer.metrics import SQNR_LIMIT_DB


def check_hashes(run: RunnerRun, reference: ReferenceOutput) -> CheckedOutput | None:
    """Hold hashes of logits and labels against this machine's; None where they tell nothing.

    Equal ones tell all. Others say nothing of float32, which may differ in its last bits; where
    every bit must agree, `TopformerError` is raised.
    """
    output = reference.output
    expected = (
        sha256_bytes(output.logits.astype("<f4").tobytes()),
        sha256_bytes(output.labels.astype("<u2").tobytes()),
    )
    if (run.logits_sha256, run.labels_sha256) == expected:
        return CheckedOutput(
            logits_sha256=run.logits_sha256,
            sqnr_db=SQNR_LIMIT_DB,
            max_abs_error=0.0,
            label_agreement=1.0,
            exact=True,
            required=reference.required,
            passed=True,
        )
    if reference.required is None:
        raise TopformerError(
            "It computes something else than this machine.",
            why=f"Every bit must agree. The hashes of its logits and labels are "
            f"{run.logits_sha256} and {run.labels_sha256}, in place of {' and '.join(expected)}.",
        )
    return None
