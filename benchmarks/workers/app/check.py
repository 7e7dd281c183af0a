"""Does the app compute what this machine computes? Its document tells hashes, and no numbers."""

from topformer.benchmarks.documents.runner import RunnerRun
from topformer.benchmarks.workers.device.check import ReferenceOutput
from topformer.devices.facts.documents import CheckedOutput
from topformer.errors import TopformerError
from topformer.files import sha256_bytes
from topformer.metrics import SQNR_LIMIT_DB
from topformer.tasks import output_bytes


def check_hashes(run: RunnerRun, reference: ReferenceOutput) -> CheckedOutput | None:
    """Hold hashes of outputs and result against this machine's; None where they tell nothing.

    Equal ones tell all. Others say nothing of float32, which may differ in its last bits; where
    every bit must agree, `TopformerError` is raised.
    """
    expected = (
        sha256_bytes(output_bytes(reference.answer.outputs)),
        sha256_bytes(reference.task.encode(reference.answer.result)),
    )
    if (run.outputs_sha256, run.result_sha256) == expected:
        return CheckedOutput(
            outputs_sha256=run.outputs_sha256,
            sqnr_db=SQNR_LIMIT_DB,
            max_abs_error=0.0,
            result_agreement=1.0,
            exact=True,
            required=reference.required,
            passed=True,
        )
    if reference.required is None:
        raise TopformerError(
            "It computes something else than this machine.",
            why=f"Every bit must agree. The hashes of its outputs and result are "
            f"{run.outputs_sha256} and {run.result_sha256}, in place of {' and '.join(expected)}.",
        )
    return None
