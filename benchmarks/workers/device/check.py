"""Before a latency is reported: does the device compute what this machine computes?"""

import math
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topformer import metrics
from topformer.benchmarks.documents.runner import RunnerRun, decode_document
from topformer.benchmarks.workers.device.placed_model import DeviceSubject
from topformer.children import Finished
from topformer.devices.facts.documents import CheckedOutput
from topformer.devices.links.link import Link, printable, pull
from topformer.errors import TopformerError
from topformer.export.proof import FP32_GATES
from topformer.files import sha256_bytes
from topformer.images import BenchPicture
from topformer.labels import upsample_labels
from topformer.manifest import Gates

RUN_TIMEOUT_S = 300.0
# The runner's document, which holds one sample.
RUN_LIMIT_BYTES = 2**20


@dataclass(frozen=True, kw_only=True)
class Output:
    """Logits [1, c, h/8, w/8] and labels [h, w] of the bench's picture."""

    logits: NDArray[np.float32]
    labels: NDArray[np.integer]


@dataclass(frozen=True, kw_only=True)
class ReferenceOutput:
    """What this machine computes, and how close to it a device must come."""

    output: Output
    # None where every bit must be the same.
    required: Gates | None


def compute_reference(model: Path, picture: BenchPicture) -> ReferenceOutput:
    """Run the model on this machine, with its Python runtime."""
    from topformer.runtimes import open_model  # noqa: PLC0415

    opened = open_model(model)
    manifest = opened.manifest
    tensor = opened.preprocess(picture.pixels)
    logits = opened.run(tensor)
    size = manifest.input.height, manifest.input.width
    sha256 = sha256_bytes(tensor.astype("<f4").tobytes())
    golden = (case for case in manifest.golden if case.input_sha256 == sha256)
    required = next((case.required for case in golden), FP32_GATES)
    assert manifest.file is not None
    return ReferenceOutput(
        output=Output(logits=logits, labels=upsample_labels(logits, size)[0]),
        required=required if manifest.file.precision == "fp32" else None,
    )


def check_output(
    subject: DeviceSubject,
    reference: ReferenceOutput,
    *,
    threads: int,
    cores_mask: int | None = None,
) -> CheckedOutput:
    """Run the model once on the device and compare; a wrong result is told, not raised.

    Raises `TopformerError` when the device gives no result that is whole.
    """
    sha256, output = _run_on_device(subject, threads=threads, cores_mask=cores_mask)
    return compare_outputs(output, reference, logits_sha256=sha256)


def compare_outputs(
    output: Output, reference: ReferenceOutput, *, logits_sha256: str
) -> CheckedOutput:
    """Hold an output against the reference."""
    expected = reference.output
    sqnr_db = metrics.sqnr_db(expected.logits, output.logits)
    agreement = metrics.label_agreement(expected.labels, output.labels)
    exact = output.logits.tobytes() == expected.logits.tobytes() and agreement == 1.0
    required = reference.required
    return CheckedOutput(
        logits_sha256=logits_sha256,
        sqnr_db=sqnr_db,
        max_abs_error=metrics.max_abs_error(expected.logits, output.logits),
        label_agreement=agreement,
        exact=exact,
        required=required,
        passed=exact
        or (
            required is not None
            and sqnr_db >= required.sqnr_db
            and agreement >= required.label_agreement
        ),
    )


def _run_on_device(
    subject: DeviceSubject, *, threads: int, cores_mask: int | None
) -> tuple[str, Output]:
    workspace, manifest = subject.workspace, subject.manifest
    logits_path, labels_path = workspace.path("logits"), workspace.path("labels")
    command = subject.command(
        "run",
        "--samples=1",
        f"--write-output={logits_path}",
        f"--write-labels={labels_path}",
        threads=threads,
        warmups=0,
        cores_mask=cores_mask,
    )
    run = _read_run(
        workspace.link.run(command, timeout_s=RUN_TIMEOUT_S, limit_bytes=RUN_LIMIT_BYTES),
        device=workspace.link.name,
    )
    if run.logits_shape != manifest.output.shape:
        raise TopformerError(
            f"{workspace.link.name} computes logits of another shape.",
            why=f"They are {run.logits_shape}; the manifest says {manifest.output.shape}.",
        )
    size = manifest.input.height, manifest.input.width
    logits = _pull_array(workspace.link, logits_path, "<f4", run.logits_shape, run.logits_sha256)
    labels = _pull_array(workspace.link, labels_path, "<u2", size, run.labels_sha256)
    return run.logits_sha256, Output(logits=logits, labels=labels)


def _read_run(finished: Finished, *, device: str) -> RunnerRun:
    # A failure of the runner's own is a document on stdout; the loader's and the system's are not.
    document = finished.stdout.strip()
    if not document:
        raise TopformerError(
            f"The runner does not run on {device}.",
            why=printable(finished.stderr) or f"Its exit status is {finished.exit_status}.",
        )
    return decode_document(document, RunnerRun)


def _pull_array(
    link: Link, remote: str, dtype: str, shape: tuple[int, ...], sha256: str
) -> NDArray[Any]:
    size_bytes = np.dtype(dtype).itemsize * math.prod(shape)
    with TemporaryDirectory() as scratch:
        local = Path(scratch) / "output"
        pull(link, remote, local, limit_bytes=size_bytes)
        data = local.read_bytes()
    if len(data) != size_bytes or sha256_bytes(data) != sha256:
        raise TopformerError(
            f"What {link.name} sent of {remote} is not what its runner wrote.",
            why=f"It has {len(data):,} bytes of {size_bytes:,}, with the SHA-256 "
            f"{sha256_bytes(data)}; the runner says {sha256}.",
        )
    return np.frombuffer(data, dtype).reshape(shape)
