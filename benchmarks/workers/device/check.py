"""Before a latency is reported: does the device compute what this machine computes?"""

import math
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from topformer.benchmarks.documents.runner import RunnerRun, decode_document
from topformer.benchmarks.workers.device.placed_model import PlacedModel
from topformer.children import Finished
from topformer.devices.facts.documents import CheckedOutput
from topformer.devices.links.link import Link, printable, pull
from topformer.errors import TopformerError
from topformer.export.proof import FP32_GATES
from topformer.files import sha256_bytes
from topformer.images import BenchPicture
from topformer.manifest import Gates
from topformer.tasks import Answer, Task, output_bytes
from topformer.temporary import temporary_folder

RUN_TIMEOUT_S = 300.0
# The runner's document, which holds one sample.
RUN_LIMIT_BYTES = 2**20
RESULT_LIMIT_BYTES = 2**26


@dataclass(frozen=True, kw_only=True)
class ReferenceOutput:
    """What this machine computes of the bench's picture, and how close a device must come to it."""

    task: Task[Any]
    answer: Answer[Any]
    required: Gates


def compute_reference(model: Path, picture: BenchPicture) -> ReferenceOutput:
    """Run the model on this machine, with its Python runtime."""
    from topformer.runtimes import open_model  # noqa: PLC0415

    opened = open_model(model)
    manifest = opened.manifest
    tensor = opened.preprocess(picture.pixels)
    sha256 = sha256_bytes(tensor.astype("<f4").tobytes())
    golden = (case for case in manifest.golden if case.input_sha256 == sha256)
    gates = FP32_GATES if manifest.parity is None else manifest.parity.gates
    return ReferenceOutput(
        task=opened.task,
        answer=opened.task.answer(opened.run(tensor)),
        required=next((case.required for case in golden), gates),
    )


def check_output(
    placed: PlacedModel,
    reference: ReferenceOutput,
    *,
    threads: int,
    cores_mask: int | None = None,
) -> CheckedOutput:
    """Run the model once on the device and compare; a wrong result is told, not raised.

    Raises `TopformerError` when the device gives no result that is whole.
    """
    sha256, answer = _run_on_device(placed, reference.task, threads=threads, cores_mask=cores_mask)
    return compare_answers(answer, reference, outputs_sha256=sha256)


def compare_answers(
    answer: Answer[Any], reference: ReferenceOutput, *, outputs_sha256: str
) -> CheckedOutput:
    """Hold an answer against the reference."""
    expected, task, required = reference.answer, reference.task, reference.required
    agreement = task.compare(expected, answer)
    exact = output_bytes(answer.outputs) == output_bytes(expected.outputs) and (
        task.encode(answer.result) == task.encode(expected.result)
    )
    return CheckedOutput(
        outputs_sha256=outputs_sha256,
        sqnr_db=agreement.sqnr_db,
        max_abs_error=agreement.max_abs_error,
        result_agreement=agreement.result_agreement,
        exact=exact,
        required=required,
        passed=exact
        or (
            agreement.sqnr_db >= required.sqnr_db
            and agreement.result_agreement >= required.result_agreement
        ),
    )


def _run_on_device(
    placed: PlacedModel, task: Task[Any], *, threads: int, cores_mask: int | None
) -> tuple[str, Answer[Any]]:
    workspace = placed.workspace
    output_path, result_path = workspace.path("outputs"), workspace.path("result")
    command = placed.command(
        "run",
        "--samples=1",
        f"--write-output={output_path}",
        f"--write-result={result_path}",
        threads=threads,
        warmups=0,
        cores_mask=cores_mask,
    )
    run = _read_run(
        workspace.link.run(command, timeout_s=RUN_TIMEOUT_S, limit_bytes=RUN_LIMIT_BYTES),
        link=workspace.link,
    )
    shapes = tuple(output.shape for output in placed.manifest.outputs)
    if run.output_shapes != shapes:
        raise TopformerError(
            f"{workspace.link.name} computes outputs of other shapes.",
            why=f"They are {run.output_shapes}; the manifest says {shapes}.",
        )
    ends = list(accumulate(map(math.prod, shapes)))
    data = _pull(workspace.link, output_path, run.outputs_sha256, size_bytes=4 * ends[-1])
    parts = np.split(np.frombuffer(data, "<f4"), ends[:-1])
    outputs = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    result = task.decode(_pull(workspace.link, result_path, run.result_sha256))
    return run.outputs_sha256, Answer(outputs=outputs, result=result)


def _read_run(finished: Finished, *, link: Link) -> RunnerRun:
    # A failure of the runner's own is a document on stdout; the loader's and the system's are not.
    document = finished.stdout.strip()
    if not document:
        raise TopformerError(
            f"The runner does not run on {link.name}.",
            why=printable(finished.stderr) or f"Its exit status is {finished.exit_status}.",
            next_step=f"See whether programs may run from {link.scratch_folder} there, and whether "
            "the runner's bundle was built for such a device.",
        )
    return decode_document(document, RunnerRun)


def _pull(link: Link, remote: str, sha256: str, *, size_bytes: int | None = None) -> bytes:
    """Fetch what the runner wrote, of a size that is known or within the limit for results."""
    with temporary_folder() as scratch:
        local = scratch / "output"
        pull(link, remote, local, limit_bytes=size_bytes or RESULT_LIMIT_BYTES)
        data = local.read_bytes()
    if size_bytes not in (None, len(data)) or sha256_bytes(data) != sha256:
        raise TopformerError(
            f"What {link.name} sent of {remote} is not what its runner wrote.",
            why=f"It has {len(data):,} bytes, with the SHA-256 {sha256_bytes(data)}; the runner "
            f"says {sha256}.",
        )
    return data
